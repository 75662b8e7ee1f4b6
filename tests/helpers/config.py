"""The config file of a test's own home."""

import os
import string

from seedvr_cli.settings.folders import config_file

# What a key may be made of.
KEY_CHARACTERS = string.ascii_letters + string.digits + string.punctuation


def write(text):
    """The config file with this text."""
    os.makedirs(os.path.dirname(config_file()), exist_ok=True)
    with open(config_file(), "w", encoding="utf-8") as file:
        file.write(text)


def read():
    with open(config_file(), encoding="utf-8") as file:
        return file.read()
