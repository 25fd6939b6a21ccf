"""Small models of the designs that faults and races could break, searched through whole: ``python -m models``."""
