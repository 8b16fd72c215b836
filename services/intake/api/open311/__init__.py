"""Open311 GeoReport v2 at /open311/v2: the door for apps that already exist."""
