echo "version $(h2load --version)"
bash -euo pipefail "$HERE/story.sh"
