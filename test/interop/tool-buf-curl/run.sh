# buf is the one that this repository is linted with.
echo "version buf $(buf --version)"
bash -euo pipefail "$HERE/story.sh"
