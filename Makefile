# The front door: `make run` boots a Debian guest, `make check` runs the tests. Both install what
# this machine lacks (or say how), build, and prepare the guest. The build itself is Meson's.

# More of atoll's options: make run ARGS="--cpus 4 --memory 2G"
# Or the benchmark's: make bench ARGS=--quick
ARGS =
# A BSD that you have, for make check-guest.
KERNEL =
IMAGE =
EFI =

GUEST = build/guest

# The builds, each in build/NAME, with Meson's options.
plain = --buildtype=release -Ddebug=true
asan  = --buildtype=debugoptimized -Db_sanitize=address,undefined -Db_lundef=false
tsan  = --buildtype=debugoptimized -Db_sanitize=thread -Db_lundef=false
fuzz  = --buildtype=debugoptimized -Db_sanitize=address,undefined -Db_lundef=false \
	-Dc_args=-fsanitize=fuzzer-no-link

# For a Linux host on arm64, on this machine.
arm64/plain = --cross-file build/arm64/cross.ini $(plain)

# A Mac: libraries from Homebrew, and a signature with which macOS lets the program run guests (docs/macos.md).
# tools/setup says which of these packages are missing; without the optional ones there is no user-mode network, no
# remote display and no window. Bison and libpcap lie aside there, since macOS has its own.
brew          = meson ninja pkgconf bison dtc zstd libpng jansson gnutls libpcap
brew_optional = libslirp libvncserver sdl2
ifeq ($(shell uname),Darwin)
BREW := $(shell brew --prefix 2>/dev/null)
export PATH := $(BREW)/opt/bison/bin:$(PATH)
export PKG_CONFIG_PATH := $(BREW)/opt/libpcap/lib/pkgconfig:$(PKG_CONFIG_PATH)
export CPATH := $(BREW)/include
export LIBRARY_PATH := $(BREW)/lib
sign = codesign --sign - --force --entitlements macos/atoll.entitlements build/plain/src/cli/atoll
else
sign = true
endif

# Configured anew every time, because what is installed decides which tests there are.
compile = $(if $(filter fuzz,$1),CC=clang) meson setup \
	$(if $(wildcard build/$1/build.ninja),--reconfigure) build/$1 $($1) \
	>build/$1.log || { cat build/$1.log; exit 1; }; ninja -C build/$1 $2

.PHONY: help build asan tsan run guest guests check check-long check-macos check-kvm check-decode check-guest bench bench-exits format \
	clean

help:
	@echo "make run           boot a Debian guest and give its shell (ARGS= for atoll's options)"
	@echo "make check         the tests, from units to Linux boots; under 20 minutes"
	@echo "make check-long    what takes longer: whole systems, decode sweep, threads, fuzzing"
	@echo "make check-macos   macOS's code: compiled and linked for it, and run over a double"
	@echo "make check-kvm     the engine kvm: built for arm64, and run on emulated hosts"
	@echo "make check-decode  every instruction word against LLVM's disassembler"
	@echo "make check-guest   boot your BSD: KERNEL=bsd [IMAGE=disk], EFI=disk"
	@echo "make bench         atoll's speed against QEMU's (ARGS= for tests/bench/bench.py's options)"
	@echo "make bench-exits   how often guests leave for KVM, against QEMU's, on an emulated arm64 host"
	@echo "make build         build/atoll, optimised (make asan, make tsan: under sanitizers)"
	@echo "make format        clang-format the tree"
	@echo "make clean         remove what was made, but for downloaded packages"

build:
	@tools/setup build
	@mkdir -p build
	@$(call compile,plain,programs tools/includes.checked)
	@$(sign)
	@ln -sf plain/src/cli/atoll build/atoll

asan tsan:
	@tools/setup build check
	@mkdir -p build
	@$(call compile,$@)

guest:
	@tools/setup run
	@tools/guest-debian generic

guests:
	@tools/setup run
	@tools/guest-debian cloud generic trixie installer efi mail router
	@tools/guest-programs

run: build guest
	build/atoll run --kernel $(GUEST)/generic/linux --initrd $(GUEST)/generic/initrd.gz \
	    --append root=/dev/vda --disk $(GUEST)/disk.img --net user --cpus 2 --reboot $(ARGS)

check: asan build guests
	@tools/check build/asan:unit,isa,engine,device,fuzz,style build/plain:boot

check-long: asan tsan build guests
	@tools/setup long bench
	@$(call compile,plain)
	@$(call compile,fuzz,fuzzers)
	@tools/guest-debootstrap
	@tools/guest-zboot
	@tools/guest-debian x11
	@tests/bench/equal-prepare
	@tools/check build/plain:long,decode,equal build/asan:long-asan build/fuzz:long-fuzz \
	    build/tsan:unit,device,engine,threads

check-macos: guests
	@tools/setup build check
	@mkdir -p build
	@$(call compile,plain,hvf-programs)
	@tools/check build/plain:macos

check-kvm: guests
	@tools/setup build check
	@tools/cross-arm64
	@$(call compile,arm64/plain,kvm-programs)
	@tools/check build/arm64/plain:kvm

check-decode:
	@tools/setup build check
	@mkdir -p build
	@$(call compile,plain)
	@tools/check build/plain:decode

check-guest: build
	@ATOLL_KERNEL="$(KERNEL)" ATOLL_IMAGE="$(IMAGE)" ATOLL_BSD_EFI_IMAGE="$(EFI)" \
	    tools/check build/plain:guest

bench: build
	@tools/setup run bench
	@tests/bench/prepare
	@tests/bench/bench.py $(ARGS)

# KVM's own counts on an emulated arm64 host, of Atoll's guest and of QEMU's.
bench-exits:
	@tools/setup build run bench
	@tools/guest-debian cloud
	@tools/cross-arm64
	@[ -e build/arm64/bench/build.ninja ] || meson setup --cross-file build/arm64/cross.ini \
	    --buildtype=release -Ddebug=true build/arm64/bench >build/bench-exits.log
	@ninja -C build/arm64/bench src/cli/atoll
	@tests/bench/exits-prepare
	@tests/bench/exits.py --atoll build/arm64/bench/src/cli/atoll $(ARGS)

format:
	@tools/check-format --fix

clean:
	rm -rf build/plain build/asan build/tsan build/bench build/atoll build/*.log
	rm -rf $(addprefix $(GUEST)/,cloud generic trixie installer efi mail router zboot programs mirror *.img)
