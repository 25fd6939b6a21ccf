"""Settings of the members' area."""

from os import environ
from pathlib import Path
from secrets import token_urlsafe

HERE = Path(__file__).parents[1]
DATA = Path(environ.get("MEMBERS_DATA", HERE))

SECRET_KEY = environ.get("SECRET_KEY") or token_urlsafe(50)  # no session hangs on it: a new one signs nobody out
ALLOWED_HOSTS = ["localhost", ".localhost"]
ROOT_URLCONF = "members.urls"
LOGIN_URL = "/sign-in"
USE_TZ = True

INSTALLED_APPS = [
    "django.contrib.contenttypes",
    "django.contrib.auth",
    "watchword.integrations.django",
    "members",
]
MIDDLEWARE = [
    "django.middleware.security.SecurityMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "watchword.integrations.django.middleware.WatchwordMiddleware",  # request.user comes from it
]
TEMPLATES = [{"BACKEND": "django.template.backends.jinja2.Jinja2", "DIRS": [HERE.parent / "pages"]}]
DATABASES = {"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": DATA / "members.db"}}
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": "django.contrib.auth.password_validation.MinimumLengthValidator", "OPTIONS": {"min_length": 15}},
]
CSRF_COOKIE_NAME = "__Host-csrftoken"
CSRF_COOKIE_SECURE = CSRF_COOKIE_HTTPONLY = True

ORIGIN = f"http://localhost:{environ.get('PORT', '8000')}"
WATCHWORD = {"url": f"sqlite:///{DATA}/watchword.db", "issuer": ORIGIN, "audience": ORIGIN}
