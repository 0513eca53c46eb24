#!/bin/sh
# A STAND-IN for Alpine's mkimage.sh, for tests: it makes a real ISO out of what it is given, checks how it is called, and
# caches and fails as the original does (it ends with 0 when much is missing). It builds no kernel: that, the initramfs and
# the boot loaders are dummies of the right shape. $DOUBLE provokes one failure (see the end of each function).
set -e

contract() {
	echo "contract: $*" >&2
	exit 64
}
msg() { echo ">>> mkimage-$ARCH: $*" >&2; }
checksum() { sha1sum | cut -f 1 -d ' '; }
warning() { echo "WARNING: $*" >&2; }

# --- How it must be called -------------------------------------------------------------------------------------------
[ "$(id -u)" != 0 ] || contract "it runs as root"
scriptdir=$(dirname "$0")
[ "$(realpath "$scriptdir")" = "$PWD" ] || contract "the current folder is not that of the scripts: overlays would be mixed up"
[ "$HOME" = /home/build ] || contract "HOME is ${HOME:-unset}"
[ -n "$SOURCE_DATE_EPOCH" ] || contract "SOURCE_DATE_EPOCH is empty"
[ -w "${TMPDIR:-/tmp}" ] || contract "TMPDIR can't be written"
grep -q '^CapEff:[[:space:]]*0*$' /proc/self/status || contract "it has capabilities"
grep -q '^NoNewPrivs:[[:space:]]*1$' /proc/self/status || contract "programs may gain privileges"
[ -e "$APORTS/main/build-base" ] || {
	echo ">>> ERROR: Unable to deduce aports base checkout" >&2
	exit 1
}

OUTDIR=$PWD WORKDIR='' RELEASE='' ARCH='' PROFILE='' repositories='' with_sums=''
while [ $# -gt 0 ]; do
	opt=$1
	shift
	case $opt in
		--repository) repositories="$repositories $1"; shift ;;
		--workdir) WORKDIR=$1; shift ;;
		--outdir) OUTDIR=$1; shift ;;
		--tag) RELEASE=$1; shift ;;
		--arch) ARCH=$1; shift ;;
		--profile) PROFILE=$1; shift ;;
		--checksum) with_sums=yes ;;
		--) break ;;
		-*) echo "usage: $0 …" >&2; exit 1 ;;
	esac
done
if [ -z "$repositories" ]; then
	echo "Must provide --repository" >&2
	exit 2
fi
case $WORKDIR in /*) ;; *) contract "--workdir is not absolute" ;; esac
case $OUTDIR in /*) ;; *) contract "--outdir is not absolute" ;; esac
grep -q " $WORKDIR " /proc/mounts || contract "$WORKDIR is no volume"
[ -n "$RELEASE" ] && [ -n "$ARCH" ] && [ -n "$PROFILE" ] || contract "--tag, --arch and --profile are needed"
for repository in $repositories; do
	case $repository in http://* | https://* | /*) ;; *) contract "the repository $repository is no URL and no absolute path" ;; esac
done
mkdir -p "$OUTDIR"

# --- Plugins ---------------------------------------------------------------------------------------------------------
profile_base() {
	kernel_flavors="lts"
	initfs_cmdline="modules=loop,squashfs,sd-mod,usb-storage quiet"
	initfs_features="ata base"
	modloop_sign=yes
	grub_mod="all_video"
	apks="alpine-base"
	apkovl=
	hostname="alpine"
}
all_profiles=$(sed -n -e 's/^profile_\(.*\)() {$/\1/p' "$scriptdir"/mkimg.*.sh)
for plugin in "$scriptdir"/mkimg.*.sh; do . "$plugin"; done

# --- Packages: an apk that knows records, names and their dependencies ------------------------------------------------
setup_root() {
	APKROOT=$WORKDIR/apkroot-$ARCH
	[ -e "$APKROOT" ] || {
		mkdir -p "$APKROOT/etc/apk/keys"
		# Without the key the original stops here, and leaves a root that later runs stumble over.
		cp "$PACKAGER_PRIVKEY.pub" "$APKROOT/etc/apk/keys/" 2>/dev/null || {
			echo "cp: cannot stat '$PACKAGER_PRIVKEY.pub': No such file or directory" >&2
			exit 1
		}
		cp /usr/share/apk/keys/"$ARCH"/* "$APKROOT/etc/apk/keys/"
		for repository in $repositories; do echo "$repository"; done >"$APKROOT/etc/apk/repositories"
		: >"$APKROOT/complete"
	}
	[ -e "$APKROOT/complete" ] || {
		echo "ERROR: Unable to lock database: No such file or directory" >&2
		exit 99
	}
	: >"$WORKDIR/records"
	while read -r repository; do
		case $repository in
			http*) wget -q -O "$WORKDIR/index" "$repository/$ARCH/APKINDEX.tar.gz" || {
				warning "fetching $repository: temporary error (try again later)"
				continue
			} ;;
			*) cp "$repository/$ARCH/APKINDEX.tar.gz" "$WORKDIR/index" 2>/dev/null || {
				warning "opening $repository: No such file or directory"
				continue
			} ;;
		esac
		signer=$(tar -tzf "$WORKDIR/index" 2>/dev/null | sed -n 's/^\.SIGN\.RSA[0-9]*\.//p' | head -n 1)
		[ -n "$signer" ] && [ -e "$APKROOT/etc/apk/keys/$signer" ] || {
			warning "Ignoring $repository: UNTRUSTED signature"
			continue
		}
		tar -xzOf "$WORKDIR/index" APKINDEX | sed "s|^P:|R:$repository\nP:|" >>"$WORKDIR/records"
	done <"$APKROOT/etc/apk/repositories"
	echo "OK: $(grep -c ^P: "$WORKDIR/records") distinct packages available" >&2
}

# Name, version, repository and checksum of the given packages and all they need.
choose() {
	awk -v wanted="$*" '
		/^R:/ { repo = substr($0, 3) }
		/^C:/ { sum = substr($0, 3) }
		/^P:/ { name = substr($0, 3) }
		/^V:/ { version = substr($0, 3); if (!(name in line)) { line[name] = name " " version " " repo " " sum; offers[name] = name } }
		/^C:/ { name = "" }
		/^D:/ { depends[name] = substr($0, 3) }
		/^p:/ { n = split(substr($0, 3), list, " "); for (i = 1; i <= n; i++) { p = list[i]; sub(/[<>=~].*/, "", p); if (!(p in offers)) offers[p] = name } }
		END {
			n = split(wanted, todo, " ")
			for (i = 1; i <= n; i++) {
				w = todo[i]; sub(/[<>=~].*/, "", w)
				if (w ~ /^!/) continue
				if (!(w in offers)) { print "ERROR: unable to select packages:\n  " w " (no such package):\n    required by: world[" w "]" > "/dev/stderr"; exit 1 }
				p = offers[w]
				if (p in done) continue
				done[p] = 1
				print line[p]
				m = split(depends[p], more, " ")
				for (k = 1; k <= m; k++) todo[++n] = more[k]
			}
		}' "$WORKDIR/records" | sort
}

# Files of the chosen packages, from the cache where it has them, into a folder.
fetch() {
	to=$1
	shift
	choose "$@" >"$WORKDIR/chosen" || return 1
	[ -s "$WORKDIR/chosen" ] || return 1
	while read -r name version repository sum; do
		kept=$PSYOPSOS_APK_CACHE/$name-$version.$(echo "$sum" | checksum | cut -c 1-8).apk
		[ -e "$kept" ] || case $repository in
			http*) wget -q -O "$kept" "$repository/$ARCH/$name-$version.apk" || return 1 ;;
			*) cp "$repository/$ARCH/$name-$version.apk" "$kept" || return 1 ;;
		esac
		cp "$kept" "$to/$name-$version.apk"
	done <"$WORKDIR/chosen"
}

# --- Sections, cached under the same names as the original's -----------------------------------------------------------
build_section() {
	section=$1
	_dir=$(echo -n "$*" | sed 's/[^a-zA-Z0-9]/_/g')
	shift
	if [ ! -e "$WORKDIR/$_dir" ]; then
		DESTDIR=$WORKDIR/$_dir.work
		msg "--> $section $*"
		rm -rf "$DESTDIR"
		mkdir -p "$DESTDIR"
		# As in the original: set -e is without effect in here, only the last command counts.
		if "build_$section" "$@"; then
			mv "$DESTDIR" "$WORKDIR/$_dir"
			dirty=yes
		else
			rm -rf "$DESTDIR"
			return 1
		fi
	fi
	my_sections="$my_sections $_dir"
}

sign() { openssl dgst -sha1 -sign "$PACKAGER_PRIVKEY" -out "$1" "$2"; }
pub_name() { basename "$PACKAGER_PRIVKEY.pub"; }

build_kernel() {
	flavor=$2
	shift 3
	case $DOUBLE in
		slow) sleep 60 ;;
		disk-full) echo "xz: (stdout): Write error: No space left on device" >&2; return 1 ;;
		network) echo "ERROR: fetching linux-firmware: temporary error (try again later)" >&2; return 1 ;;
		memory) kill -9 $$ ;;
		unknown) echo "mksquashfs: something that nobody has seen" >&2; return 1 ;;
	esac
	tmp=$(mktemp -d "${TMPDIR:-/tmp}/update-kernel.XXXXXX")
	mkdir -p "$tmp/apks" "$tmp/root" "$tmp/init/etc/apk/keys" "$tmp/init/var/cache/misc" "$DESTDIR/boot"
	fetch "$tmp/apks" alpine-base "$@" || return 1
	for package in "$tmp"/apks/*.apk; do tar -C "$tmp/root" -xzf "$package" boot 2>/dev/null; done
	release=$(ls "$tmp/root/boot" | sed -n "s/^config-\(.*-$flavor\)$/\1/p")
	for file in "config-$release" "System.map-$release" "vmlinuz-$flavor"; do
		cp "$tmp/root/boot/$file" "$DESTDIR/boot/" || return 1
	done
	for addon in $boot_addons; do cp "$tmp/root/boot/$addon.img" "$DESTDIR/boot/"; done
	{ printf hsqs; ls "$tmp/apks"; } >"$DESTDIR/boot/modloop-$flavor"
	if [ "$modloop_sign" = yes ]; then
		sign "$tmp/init/var/cache/misc/modloop-$flavor.SIGN.RSA.$(pub_name)" "$DESTDIR/boot/modloop-$flavor" || return 1
	fi
	cp "$APKROOT"/etc/apk/keys/* "$tmp/init/etc/apk/keys/"
	case $DOUBLE in
		no-key) rm "$tmp/init/etc/apk/keys/$(pub_name)" ;;
		other-key) cp /usr/share/apk/keys/"$ARCH"/other.rsa.pub "$tmp/init/etc/apk/keys/$(pub_name)" ;;
		unsigned-modules) rm "$tmp"/init/var/cache/misc/* ;;
		other-modules) echo more >>"$DESTDIR/boot/modloop-$flavor" ;;
		no-modules) : >"$DESTDIR/boot/modloop-$flavor" ;;
		empty-kernel) : >"$DESTDIR/boot/vmlinuz-$flavor" ;;
		bad-microcode) for addon in $boot_addons; do echo rubbish >"$DESTDIR/boot/$addon.img"; done ;;
	esac
	(cd "$tmp/init" && find . | sort | cpio -o -H newc 2>/dev/null) | gzip -9 >"$DESTDIR/boot/initramfs-$flavor"
	[ "$DOUBLE" != bad-initramfs ] || echo rubbish >"$DESTDIR/boot/initramfs-$flavor"
	rm -rf "$tmp"
}

build_apks() {
	folder=$DESTDIR/apks/$ARCH
	mkdir -p "$folder" "$WORKDIR/new"
	fetch "$folder" $apks || return 1
	[ "$DOUBLE" != missing-package ] || sed -i '/^openssl /d' "$WORKDIR/chosen"
	while read -r name _; do
		awk -v name="$name" 'BEGIN { RS = ""; ORS = "\n\n" } ("\n" $0 "\n") ~ ("\nP:" name "\n")' "$WORKDIR/records" |
			sed '/^R:/d' | awk '!done; /^$/ { done = 1 }'
	done <"$WORKDIR/chosen" >"$WORKDIR/new/APKINDEX"
	echo "$RELEASE" >"$WORKDIR/new/DESCRIPTION"
	case $DOUBLE in
		lost-package) rm "$folder"/busybox-[0-9]*.apk ;;
		cut-package) for file in "$folder"/busybox-[0-9]*.apk; do echo more >>"$file"; done ;;
	esac
	tar -C "$WORKDIR/new" -czf "$WORKDIR/index" DESCRIPTION APKINDEX
	if [ "$DOUBLE" = unsigned-index ]; then
		# What happens when the key can't be read: a complaint, and on it goes.
		echo "Could not open file or uri for loading private key from $PACKAGER_PRIVKEY" >&2
		cp "$WORKDIR/index" "$folder/APKINDEX.tar.gz"
	else
		sign "$WORKDIR/new/.SIGN.RSA.$(pub_name)" "$WORKDIR/index"
		size=$(stat -c %s "$WORKDIR/new/.SIGN.RSA.$(pub_name)")
		# As abuild-sign does: a pax header with times before the signature, and no end of the archive behind it.
		gnutar -C "$WORKDIR/new" --format=posix --pax-option=exthdr.name=%d/PaxHeaders/%f,atime:=0,ctime:=0 \
			--owner=0 --group=0 --numeric-owner --mtime="@$SOURCE_DATE_EPOCH" -c ".SIGN.RSA.$(pub_name)" |
			head -c $((1536 + (size + 511) / 512 * 512)) | gzip -n -9 |
			cat - "$WORKDIR/index" >"$folder/APKINDEX.tar.gz"
	fi
	rm -rf "$WORKDIR/new"
	touch "$DESTDIR/apks/.boot_repository"
}

build_apkovl() {
	host=$1
	msg "Generating $host.apkovl.tar.gz"
	script=$PWD/$apkovl
	# In place of fakeroot: the script sees that it is called, and uid 0 only by its word.
	(cd "$DESTDIR" && FAKEROOTKEY=stand-in "$script" "$host") || return 1
	case $DOUBLE in
		no-overlay) rm "$DESTDIR/$host.apkovl.tar.gz" ;;
		other-overlay) echo more >>"$DESTDIR/$host.apkovl.tar.gz" ;;
	esac
	true
}

build_syslinux() {
	mkdir -p "$DESTDIR/boot/syslinux"
	head -c 4096 /dev/zero >"$DESTDIR/boot/syslinux/isolinux.bin"
}

syslinux_config() {
	[ -z "$syslinux_serial" ] || echo "SERIAL $syslinux_serial"
	initrd=/boot/initramfs-$kernel_flavors
	for image in $initrd_ucode; do initrd=$image,$initrd; done
	printf 'DEFAULT %s\nLABEL %s\n\tKERNEL /boot/vmlinuz-%s\n\tINITRD %s\n\tAPPEND %s %s\n' "$kernel_flavors" "$kernel_flavors" \
		"$kernel_flavors" "$initrd" "$initfs_cmdline" "$kernel_cmdline"
}
build_syslinux_cfg() {
	mkdir -p "$DESTDIR/boot/syslinux"
	syslinux_config >"$DESTDIR/$1"
}

grub_config() {
	initrd=/boot/initramfs-$kernel_flavors
	for image in $initrd_ucode; do initrd="$image $initrd"; done
	printf 'set timeout=1\nmenuentry "Linux %s" {\n\tlinux\t/boot/vmlinuz-%s %s %s\n\tinitrd\t%s\n}\n' "$kernel_flavors" \
		"$kernel_flavors" "$initfs_cmdline" "$kernel_cmdline" "$initrd"
}
build_grub_cfg() {
	mkdir -p "$DESTDIR/boot/grub"
	grub_config >"$DESTDIR/$1"
}
grub_early() { echo "search --no-floppy --set=root --label \"$volid\""; }
build_grub_efi() {
	mkdir -p "$DESTDIR/efi/boot"
	{ printf MZ; grub_early; } >"$DESTDIR/efi/boot/$2"
}

create_iso() {
	iso=$OUTDIR/$output_file
	[ "$DOUBLE" != no-file ] || return 0
	if [ "$DOUBLE" = no-iso ]; then
		echo "not an ISO" >"$iso"
		return 0
	fi
	mformat -i "$DESTDIR/boot/grub/efi.img" -C -f 1440 -N 0 ::
	[ "$DOUBLE" = bad-uefi ] || mcopy -i "$DESTDIR/boot/grub/efi.img" -s "$DESTDIR/efi" ::
	[ "$DOUBLE" != rubbish-uefi ] || head -c 1474560 /dev/zero >"$DESTDIR/boot/grub/efi.img"
	touch -d "@$SOURCE_DATE_EPOCH" "$DESTDIR/boot/grub/efi.img"
	efi="-eltorito-alt-boot -e boot/grub/efi.img -no-emul-boot -isohybrid-gpt-basdat"
	[ "$DOUBLE" != no-uefi-entry ] || efi=''
	[ "$DOUBLE" != other-volume ] || volid="alpine-other"
	[ "$DOUBLE" != empty-iso ] || { rm -rf "$DESTDIR/boot/vmlinuz"* "$DESTDIR/apks"; }
	xorrisofs -quiet -output "$iso" -full-iso9660-filenames -joliet -rational-rock -sysid LINUX -volid "$volid" \
		-eltorito-boot boot/syslinux/isolinux.bin -eltorito-catalog boot/syslinux/boot.cat -no-emul-boot -boot-load-size 4 \
		-boot-info-table $efi -follow-links "$DESTDIR" || return 1
	[ "$DOUBLE" != stale-file ] || touch -d @1000000000 "$iso"
}

build_profile() {
	my_sections='' dirty=no
	# In the original an unknown profile is "not found", and the build ends well without an image.
	"profile_$PROFILE" || return 0
	for one in $arch; do [ "$one" != "$ARCH" ] || found=yes; done
	[ "$found" = yes ] || return 0
	[ "$DOUBLE" != other-arch ] || return 0
	[ "$image_ext" = iso ] && [ "$output_format" = iso ] || contract "image_ext and output_format are not both iso"
	volid=$(echo "alpine-${profile_abbrev:-$PROFILE} $RELEASE $ARCH" | cut -c 1-32)
	output_file=${image_name:-alpine-$PROFILE}-$RELEASE-$ARCH.$image_ext
	msg "Building $PROFILE"
	packages="linux-$kernel_flavors linux-firmware wireless-regdb $modloop_addons $boot_addons"
	id=$( (echo "$initfs_features::"; choose alpine-base $packages | cut -d ' ' -f 1,2) | checksum)
	build_section kernel "$ARCH" "$kernel_flavors" "$id" $packages || return 1
	id=$(choose $apks | cut -d ' ' -f 1,2 | checksum)
	build_section apks "$ARCH" "$id" || return 1
	if [ -n "$apkovl" ] && [ -n "$hostname" ]; then
		build_section apkovl "$hostname" "$(checksum <"$apkovl")" || return 1
	fi
	build_section syslinux "$(echo syslinux | checksum)" || return 1
	build_section syslinux_cfg boot/syslinux/syslinux.cfg "$(syslinux_config | checksum)" || return 1
	build_section grub_cfg boot/grub/grub.cfg "$(grub_config | checksum)" || return 1
	build_section grub_efi x86_64-efi bootx64.efi "$(grub_early | checksum)" || return 1
	DESTDIR=$WORKDIR/image-$(echo -n "$my_sections" | checksum)-$ARCH-$PROFILE
	if [ "$dirty" = yes ] || [ ! -e "$OUTDIR/$output_file" ]; then
		msg "Creating $output_file"
		rm -rf "$DESTDIR"
		mkdir -p "$DESTDIR"
		# Symbolic links into the sections; names that begin with a dot are left behind.
		for section in $my_sections; do
			for name in "$WORKDIR/$section"/*; do [ ! -e "$name" ] || cp -Lrs "$name" "$DESTDIR/"; done
		done
		echo "alpine-$PROFILE-$RELEASE" >"$DESTDIR/.alpine-release"
		create_iso || return 1
		if [ -n "$with_sums" ] && [ -e "$OUTDIR/$output_file" ]; then
			for kind in sha256 sha512; do (cd "$OUTDIR" && "${kind}sum" "$output_file" >"$output_file.$kind"); done
			[ "$DOUBLE" != damaged ] || echo more >>"$OUTDIR/$output_file"
		fi
	fi
}

setup_root
echo "$all_profiles" >/dev/null
(build_profile) || exit 1
echo "Images generated in $OUTDIR"
