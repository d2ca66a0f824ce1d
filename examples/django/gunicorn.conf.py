"""gunicorn's settings; what is given on its command line counts more."""

bind = "127.0.0.1:8000"
workers = 2
threads = 4

# The relay's `issuer.timeout` has to be longer than this.
timeout = 30

# Longer than Envoy keeps an idle connection to this server (envoy.yaml: 1 s), so that Envoy never
# sends a request into a connection that is just being closed.
keepalive = 5
