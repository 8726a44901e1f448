# Builds in the scratch folder, so that nothing generated lies beside the sources.
python3 -m venv venv
venv/bin/pip install --quiet --disable-pip-version-check --no-deps --requirement "$HERE/requirements.txt"
rm -rf gen && mkdir gen
# google.rpc comes from PyPI, with googleapis-common-protos, which also decodes the error details.
find "$PROTO"/{buf,gitpod,rollcall} -name '*.proto' -print0 |
  xargs -0 venv/bin/python -m grpc_tools.protoc --proto_path="$PROTO" --python_out=gen --grpc_python_out=gen
PYTHONPATH=gen PYTHONDONTWRITEBYTECODE=1 venv/bin/python "$HERE/story.py"
