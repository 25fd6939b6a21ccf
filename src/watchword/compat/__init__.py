"""Old calls on new ground, for moving a code base one import at a time: ``pyjwt`` and ``itsdangerous``."""
