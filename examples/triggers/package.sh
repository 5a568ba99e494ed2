#!/bin/sh
# Packs each function of functions/ into target/NAME.zip (or into the folder given).
set -eu
here=$(cd "$(dirname "$0")" && pwd)
target=${1:-$here/target}
mkdir -p "$target"
for function in "$here"/functions/*/; do
  (cd "$function" && python3 -m zipfile -c "$target/$(basename "$function").zip" .)
done
