# The example API under gunicorn, and the script that makes a certificate.
ARG PYTHON_BASE=python:3.13-slim-bookworm

FROM ${PYTHON_BASE}
ENV PYTHONDONTWRITEBYTECODE=1 PYTHONUNBUFFERED=1
COPY containers/requirements.txt /relay/requirements.txt
RUN pip install --no-cache-dir --disable-pip-version-check --require-hashes --only-binary :all: \
    --requirement /relay/requirements.txt
COPY scripts/certificate containers/start-django /relay/
COPY examples/django /app
# New volumes take their owners from here: Django's database, and the key that Envoy's user reads.
RUN install -d -o 10001 -g 10001 -m 700 /data && install -d -o 101 -g 101 -m 700 /tls
WORKDIR /app
USER 10001:10001
ENTRYPOINT ["sh", "/relay/start-django"]
