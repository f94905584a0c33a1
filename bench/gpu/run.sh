#!/bin/sh
# sh bench/gpu/run.sh [options of main.ts]: measures a GPU with what bench/gpu/pack.mjs has packed, and writes
# bench/results/gpu.json, or the file after --out. The archive lies beside this script, in outputs/gpu, or where FROND_GPU says.
# --software: on the software Vulkan of the archive, where there is no card.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
archive=${FROND_GPU:-}
for candidate in "$here/frond-gpu.tar.gz" "$here/../../outputs/gpu/frond-gpu.tar.gz"; do
  if [ -z "$archive" ] && [ -f "$candidate" ]; then archive=$candidate; fi
done
if [ ! -f "$archive" ]; then
  echo "there is no archive; make it where the project is built: node bench/gpu/pack.mjs" >&2
  exit 2
fi

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
tar -xzf "$archive" -C "$folder"

software=
if [ "${1:-}" = --software ]; then
  software=yes
  shift
fi
# the machine's own Vulkan loader where it has one, else the archive's
if [ -n "$software" ] || ! ldconfig -p 2>/dev/null | grep -q 'libvulkan\.so\.1'; then
  LD_LIBRARY_PATH=$folder/vulkan${LD_LIBRARY_PATH:+:$LD_LIBRARY_PATH}
  export LD_LIBRARY_PATH
fi
if [ -n "$software" ]; then
  VK_DRIVER_FILES=$folder/vulkan/vk_swiftshader_icd.json
  export VK_DRIVER_FILES VK_ICD_FILENAMES="$VK_DRIVER_FILES"
elif [ -z "${VK_DRIVER_FILES:-}${VK_ICD_FILENAMES:-}" ]; then
  # containers often hold the driver's description where no loader looks
  found=$(find /etc/vulkan /usr/share/vulkan /usr/local -maxdepth 6 -name '*nvidia*icd*.json' 2>/dev/null | head -n 1)
  if [ -n "$found" ]; then export VK_DRIVER_FILES="$found" VK_ICD_FILENAMES="$found"; fi
fi
export XDG_RUNTIME_DIR="${XDG_RUNTIME_DIR:-$folder}"
results=$here/../results
if [ ! -d "$results" ]; then results=$here; fi
"$folder/node" "$folder/main.mjs" --out "$results/gpu.json" "$@"
