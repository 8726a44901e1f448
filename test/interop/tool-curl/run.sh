echo "version $(curl --version | head -n 1 | cut -d' ' -f1,2)"
bash -euo pipefail "$HERE/story.sh"
