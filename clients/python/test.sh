#!/bin/sh
# Makes the client from the document of a running service, and tries it against that service.
set -eu
: "${ANGAROS_URL:=http://127.0.0.1:8080}"
export ANGAROS_URL
# It warns at length of the forms of bodies that it leaves out: lines, and YAML.
made=$(openapi-python-client generate --url "$ANGAROS_URL/openapi.json" --config config.yaml --meta none \
  --output-path angaros_client --overwrite 2>&1) || { echo "$made"; exit 1; }
exec python3 -m unittest discover --start-directory tests --top-level-directory .
