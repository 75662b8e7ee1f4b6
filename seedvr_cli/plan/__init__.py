"""From SOURCE words and lists to requests: what, for which endpoint, under which name. Nothing is sent."""
