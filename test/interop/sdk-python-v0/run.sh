python3 -m venv venv
venv/bin/pip install --quiet --disable-pip-version-check --no-deps --requirement "$HERE/requirements.txt"
venv/bin/python "$HERE/story.py"
