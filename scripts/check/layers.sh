#!/usr/bin/env bash
#
# Reports every #include that points against the order of the modules, and
# pure code that calls the server.  The order is the table at the end: a
# module may include itself and the modules named after it.
set -euo pipefail
cd "$(dirname "$0")/../.."

status=0

while IFS=: read -r module allowed; do
  [ -d "src/$module" ] || continue
  while IFS=: read -r file line include; do
    target=${include#*\"}
    target=${target%%/*}
    [ -d "src/$target" ] || continue   # a header of PostgreSQL
    case " $module $allowed " in
      *" $target "*) ;;
      *)
        echo "$file:$line: $module must not include $target"
        status=1
        ;;
    esac
  done < <(grep -rnoE --include='*.[ch]' '^#include "[a-z0-9_]+/[^"]*"' "src/$module" || true)
done <<'LAYERS'
stack:
s3:
profile: stack
flame: profile stack
block: profile stack
query: profile stack
tableam: block profile stack
planner: tableam query block flame profile stack
worker: tableam block s3 profile stack
bridge: profile stack flame
LAYERS

# Pure code, which programs link too, returns a status and asks an allocator.
while read -r file; do
  while IFS=: read -r line text; do
    echo "$file:$line: pure code must not call the server:$text"
    status=1
  done < <(grep -nE '(^|[^a-z_])(ereport|elog|palloc0?|pfree|repalloc|CHECK_FOR_INTERRUPTS) ?\(' "$file" || true)
done < <(grep -rlE --include='*.c' '^#ifndef FRONTEND' src || true)

while read -r file; do
  echo "$file: everything in stack/ is pure and begins with the FRONTEND pair"
  status=1
done < <(grep -rLE --include='*.c' '^#ifndef FRONTEND' src/stack || true)

# postgres.h comes first in each source, and in no header.
while read -r file; do
  echo "$file: a header must not include postgres.h"
  status=1
done < <(grep -rlE --include='*.h' '^#include "postgres(_fe)?\.h"' src || true)

exit "$status"
