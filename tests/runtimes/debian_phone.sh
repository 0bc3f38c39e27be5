#!/bin/sh
# Makes the folder that tests/runtimes/debian_phone.py runs as a phone: Debian sid with adbd, and the tool
# benchmark_model 2.14.1 built from Debian's source of TensorFlow Lite. About two minutes on two cores, 1.1 GB, network, root:
#
#     apt-get install adb debootstrap iproute2
#     tests/runtimes/debian_phone.sh /var/tmp/phone
#     EDGE_EFFNET_PHONE=/var/tmp/phone pytest tests/runtimes/test_adb_phone.py
#
# The tool comes twice: with XNNPACK (Debian's, a year newer than this TensorFlow, so that some models fail in it), and
# without as `benchmark_plain`. TensorFlow's dummy delegate takes part as a delegate that takes nothing.
set -eu
root=${1:?usage: debian_phone.sh FOLDER}
here=$(cd "$(dirname "$0")" && pwd)

debootstrap --variant=minbase \
    --include=adbd,g++,make,xz-utils,libtensorflow-lite-dev,libabsl-dev,libeigen3-dev,libgemmlowp-dev,libruy-dev,libpthreadpool-dev,libxnnpack-dev,libfp16-dev \
    sid "$root"
sed -n 's/^deb /deb-src /p' "$root/etc/apt/sources.list" > "$root/etc/apt/sources.list.d/source.list"
mkdir -p "$root/src/tf/third_party/eigen3"
cp "$here/debian_phone.mk" "$root/src/Makefile"
# A mirror may be a few days behind, or lack the signed description: the archive itself is all that is needed.
chroot "$root" apt-get -o Acquire::Check-Valid-Until=false update
chroot "$root" sh -c 'cd /src && apt-get source --download-only tensorflow || true'
tar -xf "$root"/src/tensorflow_*.orig.tar.xz -C "$root/src/tf" --strip-components=1 --wildcards \
    '*/tensorflow/lite/*' '*/tensorflow/tsl/*' '*/tensorflow/core/util/stat*'
ln -s /usr/include/eigen3/Eigen "$root/src/tf/third_party/eigen3/Eigen"
ln -s /usr/include/eigen3/unsupported "$root/src/tf/third_party/eigen3/unsupported"
chroot "$root" make -C /src -j "$(nproc)"
ls -l "$root/src/benchmark_model" "$root/src/dummy.so"
