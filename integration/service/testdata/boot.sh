#!/bin/sh
# Boots systemd as process 1 of namespaces of its own, on an overlay of the machine's files of which
# nothing is kept. $1 is an empty folder. It ends with systemd, or when it is killed.
set -eu
dir=$1
case ${2:-} in
"")
  # In a mount namespace, and in a control group that is the root of what systemd sees.
  exec unshare --mount sh "$0" "$dir" grouped
  ;;
grouped)
  mount --make-rprivate /
  mkdir "$dir/cgroup" "$dir/world"
  mount -t cgroup2 cgroup2 "$dir/cgroup"
  mkdir "$dir/cgroup/reeve-test-$$"
  echo $$ >"$dir/cgroup/reeve-test-$$/cgroup.procs"
  exec unshare --mount --pid --uts --ipc --net --cgroup --fork --kill-child sh "$0" "$dir" booted
  ;;
esac
mount -t tmpfs -o mode=0755 tmpfs "$dir/world"
mkdir "$dir/world/upper" "$dir/world/work" "$dir/world/root"
root=$dir/world/root
mount -t overlay -o "lowerdir=/,upperdir=$dir/world/upper,workdir=$dir/world/work" overlay "$root"
mount -t proc proc "$root/proc"
mount -t sysfs sysfs "$root/sys"
mount -t cgroup2 cgroup2 "$root/sys/fs/cgroup"
mount --rbind /dev "$root/dev"
mount -t tmpfs -o mode=0755 tmpfs "$root/run"
mount -t tmpfs tmpfs "$root/tmp"
# Nothing that the machine has enabled is to start here.
rm -rf "$root"/etc/systemd/system/*.wants "$root/etc/fstab"
hostname reeve-test
# Not by chroot: a process in one may make no user namespace, which PrivateUsers= needs.
cd "$root"
pivot_root . mnt
cd /
umount -l /mnt
# As on a machine, where systemd does it itself: credentials are mounted by a process of its own.
mount --make-rshared /
exec env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin container=other /lib/systemd/systemd --unit=multi-user.target
