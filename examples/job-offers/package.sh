#!/bin/sh
# Packs each function of node/ into target/NAME.zip (or into the folder given).
set -eu
here=$(cd "$(dirname "$0")" && pwd)
target=${1:-$here/target}
mkdir -p "$target"
for function in "$here"/node/*/; do
  name=$(basename "$function")
  (cd "$function" && python3 -m zipfile -c "$target/$name.zip" .)
done
