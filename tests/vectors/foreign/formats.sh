#!/bin/bash
# Small files of every archive format that psyopsOS reads, by the real programs with options as they are used in the
# world: `formats.sh FOLDER`. Needs GNU tar, gzip, cpio, dpkg-deb, dosfstools, mtools, xorriso.
set -euo pipefail
mkdir -p "$1"
cd "$1"
export PATH=$PATH:/usr/sbin:/sbin LC_ALL=C.UTF-8 TZ=UTC SOURCE_DATE_EPOCH=1700000000
umask 022
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
pack() { gzip -n -9; }

# One tree for all.
tree=$work/tree
mkdir -p "$tree/dir/sub"
printf content > "$tree/dir/file"
: > "$tree/dir/empty"
head -c 1000 /dev/zero | tr '\0' x > "$tree/dir/kilo"
printf '#!/bin/sh\n' > "$tree/dir/run"
chmod 4711 "$tree/dir/run"
ln "$tree/dir/file" "$tree/dir/twin"
ln -s ../dir/file "$tree/dir/link"
printf u > "$tree/ünïcode name"
find "$tree" -exec touch -h -d @1700000000 {} +

# GNU tar in each of its dialects.
tar() { command tar --sort=name --owner=ann:1000 --group=staff:50 --mode=ug+rw -b 4 -C "$tree" "$@"; }
for format in gnu oldgnu posix ustar v7; do
	tar --format=$format -c dir 'ünïcode name' | pack > tar-$format.gz
done
# What only GNU's and POSIX's newest forms hold: long names, large numbers, a time before 1970.
long=$tree/long/$(printf 'folder-%.0s' {1..30})
mkdir -p "$long"
printf deep > "$long/$(printf 'n%.0s' {1..120})"
ln -s "$(printf 't%.0s' {1..150})" "$tree/long/far"
printf old > "$tree/long/old"
find "$tree/long" -exec touch -h -d @1700000000.25 {} +
touch -d @-86400.5 "$tree/long/old"
for format in gnu posix; do
	tar --format=$format --owner=big:3000000 --group=big:3000000 -c long | pack > tar-$format-long.gz
done
command tar -C "$tree" --format=posix --pax-option=globexthdr.name=global,comment:=none,comment=all -c dir/file | pack > tar-posix-global.gz
truncate -s 100000 "$work/sparse"
printf x >> "$work/sparse"
for format in gnu posix; do
	command tar -C "$work" --format=$format -S -c sparse | pack > tar-$format-sparse.gz
done

# gzip: with name and time, fastest and best, two members, a comment's place left to others.
cp "$tree/dir/kilo" "$work/kilo.txt"
touch -d @1700000000 "$work/kilo.txt"
gzip -9 --name -c "$work/kilo.txt" > gzip-name.gz
cat <(gzip -1 -n < "$tree/dir/file") <(gzip -9 -n < "$tree/dir/kilo") > gzip-two.gz

# cpio in the form of Linux and in others; and one with two names of a file.
(cd "$tree" && find dir ! -name twin | sort) > "$work/names"
for format in newc crc odc; do
	(cd "$tree" && rm -f dir/twin && cpio --quiet -o -H $format -R 0:0 --reproducible) < "$work/names" | pack > cpio-$format.gz
done
ln "$tree/dir/file" "$tree/dir/twin"
(cd "$tree" && find dir -depth | sort | cpio --quiet -o -H newc -R 0:0 --reproducible) | pack > cpio-links.gz

# FAT12 as mkimage.sh makes it, FAT12 and FAT16 by mkfs.
mkdir -p "$work/efi/boot"
printf MZloader > "$work/efi/boot/bootx64.efi"
printf 'a long name' > "$work/efi/boot/a long name.text"
head -c 3000 "$tree/dir/kilo" > "$work/efi/boot/KILO.BIN"
fill() {
	mcopy -i "$1" -s "$work/efi" ::
	mcopy -i "$1" "$tree/dir/file" ::GONE.TXT
	mdel -i "$1" ::GONE.TXT
}
mformat -i fat12-mtools -C -f 1440 -N 0 ::
mkfs.vfat -F 12 -i 12345678 -n TEST -C fat12-mkfs 1440 > "$work/log"
mkfs.vfat -F 16 -s 1 -i 12345678 -n TEST -C fat16-mkfs 4096 >> "$work/log"
for image in fat12-mtools fat12-mkfs fat16-mkfs; do
	fill $image
	pack < $image > $image.gz
done

# An ISO with the options of Alpine's mkimage.sh.
iso=$work/iso
mkdir -p "$iso/boot/grub" "$iso/boot/syslinux" "$iso/apks/x86_64" "$iso/a name with blanks/Üml"
cp fat12-mtools "$iso/boot/grub/efi.img"
cp -r "$work/efi" "$iso/efi"
head -c 2048 /dev/zero > "$iso/boot/syslinux/isolinux.bin"
printf kernel > "$iso/boot/vmlinuz-virt"
printf f > "$iso/a name with blanks/Üml/f"
: > "$iso/empty"
printf long > "$iso/$(printf 'n%.0s' {1..240})"
ln -s /a/b/../c "$iso/absolute"
ln -s "$(printf '../%.0s' {1..90})x" "$iso/far"
find "$iso" -exec touch -h -d @1700000000 {} +
xorrisofs -quiet -output "$work/small.iso" -full-iso9660-filenames -joliet -rational-rock -sysid LINUX \
	-volid 'alpine-test 1 x86_64' -eltorito-boot boot/syslinux/isolinux.bin \
	-eltorito-catalog boot/syslinux/boot.cat -no-emul-boot -boot-load-size 4 -boot-info-table \
	-eltorito-alt-boot -e boot/grub/efi.img -no-emul-boot -isohybrid-gpt-basdat "$iso" 2> "$work/log" ||
	{ cat "$work/log" >&2; exit 1; }
pack < "$work/small.iso" > iso-mkimage.gz
rm fat12-mtools fat12-mkfs fat16-mkfs

# A Debian package.
mkdir -p "$work/deb/DEBIAN" "$work/deb/usr/bin"
cat > "$work/deb/DEBIAN/control" <<END
Package: hello
Version: 1.0
Architecture: all
Maintainer: Nobody <nobody@example.org>
Description: a greeting
END
cp -p "$tree/dir/run" "$work/deb/usr/bin/hello"
dpkg-deb --root-owner-group -Zgzip -b "$work/deb" hello.deb > "$work/log"
