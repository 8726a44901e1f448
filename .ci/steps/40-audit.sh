# Known holes in what an installed tarball brings. A registry that cannot say is no hole.
answer="$(npm audit --omit=dev --audit-level=high --json)" && exit 0
if grep -q '"auditReportVersion"' <<<"$answer"; then
  npm audit --omit=dev --audit-level=high
  exit 1
fi
echo "note: not checked: the registry here does not answer npm audit"
