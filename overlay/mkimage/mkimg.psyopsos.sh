# shellcheck shell=sh disable=SC2016,SC2034 # a command line is taken as it stands; mkimage.sh reads the variables
# The image as mkimage.sh wants it. Words between @ signs are filled in from overlay/image.yaml; everything that matters
# is set here, so that a change of Alpine's defaults does not change the image without a word.
profile_psyopsos() {
	# For what only the bootloader's build needs (grub_mod).
	profile_base
	profile_abbrev="@ABBREV@"
	title="psyopsOS"
	desc="psyopsOS"
	arch="@ARCH@"
	image_ext="iso"
	output_format="iso"
	kernel_flavors="@FLAVOUR@"
	kernel_addons=""
	modloop_addons=""
	modloopfw=""
	modloop_sign="yes"
	initfs_features="@FEATURES@"
	initfs_cmdline="@MODULES@"
	kernel_cmdline=@CMDLINE@
	syslinux_serial="@SERIAL@"
	boot_addons="@MICROCODE@"
	initrd_ucode="@MICROCODE_IMAGES@"
	apks="@PACKAGES@"
	hostname="@HOSTNAME@"
	apkovl="genapkovl-psyopsos.sh"
}
