# The programs that the tests call; Debian's package is installed where one is missing.
missing=()
for tool in git curl openssl python3 zsh fish haproxy; do command -v "$tool" || missing+=("$tool"); done
command -v nginx || missing+=(nginx-light)
command -v mkfs.ext4 || missing+=(e2fsprogs)
[ ${#missing[@]} -eq 0 ] && exit 0
apt-get update
apt-get install --yes --no-install-recommends "${missing[@]}"
