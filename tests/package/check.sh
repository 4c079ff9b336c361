# Sourced by the tests of the package: counts functions that succeed and that fail.
work=$(mktemp -d)
passed=0
failed=0

# check FUNCTION ARGUMENT...
check() {
  local code
  # Not `if (...)`: bash would then ignore set -e inside.
  set +e
  (set -e; "$@") >"$work/log" 2>&1
  code=$?
  set -e
  if [[ $code == 0 ]]; then
    echo "ok     $*"
    passed=$((passed + 1))
  else
    sed 's/^/  /' "$work/log"
    echo "FAILED $*"
    failed=$((failed + 1))
  fi
}

# Adds the tests of another program, which ends as `finish` does.
also() {
  local code=0 good=0 bad=1
  "$@" | tee "$work/also" || code=$?
  read -r good bad < <(sed -nE 's/^([0-9]+) passed, ([0-9]+) failed$/\1 \2/p' "$work/also" | tail -n 1) || true
  [[ $code == 0 || $bad != 0 ]] || bad=1
  passed=$((passed + good))
  failed=$((failed + bad))
}

finish() {
  echo "$passed passed, $failed failed"
  [[ $failed == 0 ]]
}

# until_true SECONDS COMMAND...
until_true() {
  local end=$((SECONDS + $1))
  shift
  until "$@"; do
    ((SECONDS < end)) || { echo "never came true: $*"; return 1; }
    sleep 0.1
  done
}
