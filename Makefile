# pyro_ext: continuous profiling inside PostgreSQL
#
#   make && make install                 into the server of pg_config
#   make installcheck                    SQL, isolation and TAP tests of what is
#                                        installed, on servers of their own
#   make unit                            the pure code under ASan and UBSan
#   make fuzz [FUZZ_RUNS=n]              the decoders under libFuzzer (clang)
#   make check-house, make indent        the rules of the house
#
# COPT=-Werror turns warnings into errors; CC=clang works.

EXTENSION = pyro_ext
EXTVERSION := $(shell sed -n "s/^default_version *= *'\(.*\)'/\1/p" $(EXTENSION).control)

SOURCES := $(sort $(filter-out src/bridge/%,$(wildcard src/*.c src/*/*.c src/*/*/*.c)))
MODULE_big = $(EXTENSION)
OBJS = $(SOURCES:.c=.o)
SHLIB_LINK = -lzstd -ldeflate

# The install script is its parts, in load order.
SQL_PARTS = $(addprefix sql/,header.sql \
	profile.sql profile_formats.sql profile_transforms.sql \
	flamegraph.sql flame_transforms.sql flame_formats.sql \
	questions.sql storage.sql policies.sql worker.sql)
DATA = $(wildcard sql/$(EXTENSION)--*--*.sql)
DATA_built = sql/$(EXTENSION)--$(EXTVERSION).sql

WARNINGS = -std=gnu11 -Wall -Wextra -Wno-unused-parameter -Wno-sign-compare \
	-Wno-declaration-after-statement
PG_CPPFLAGS = -Isrc -DPYRO_VERSION=\"$(EXTVERSION)\"
PG_CFLAGS = $(WARNINGS)

# No bitcode for the JIT: a call costs nothing beside what our functions do,
# and the build needs no LLVM.
override with_llvm = no

# Tests run on servers of their own, started by pg_regress and by the TAP
# tests: installcheck needs no running server, only a user who is not root.
REGRESS := $(sort $(patsubst test/sql/%.sql,%,$(wildcard test/sql/*.sql)))
REGRESS_OPTS = --inputdir=test $(EXPECTED_DIR) --outputdir=build/regress \
	--temp-instance=build/regress/instance --no-locale --encoding=UTF8 \
	--load-extension=$(EXTENSION)
ISOLATION := $(sort $(patsubst test/specs/%.spec,%,$(wildcard test/specs/*.spec)))
ISOLATION_OPTS = --inputdir=test $(EXPECTED_DIR) --outputdir=build/isolation \
	--temp-instance=build/isolation/instance --no-locale --encoding=UTF8 \
	--load-extension=$(EXTENSION)
TAP_TESTS := $(if $(wildcard test/t/*.pl),1)
PROVE_TESTS = test/t/*.pl
REGRESS_PREP = test-folders
# newer versions look for the expected files apart from the input files
EXPECTED_DIR = $(shell $(PG_REGRESS) --help | grep -q expecteddir && echo --expecteddir=test)
PG_REGRESS = $(top_builddir)/src/test/regress/pg_regress

EXTRA_CLEAN = build log results output_iso tmp_check tmp_check_iso

PG_CONFIG ?= pg_config
PGXS := $(shell $(PG_CONFIG) --pgxs)
include $(PGXS)

# PostgreSQL 16 hides the symbols of a module by itself; 15 must be told.
ifeq ($(MAJORVERSION),15)
override CPPFLAGS += -DPGDLLEXPORT='__attribute__((visibility("default")))'
$(OBJS): override CFLAGS += -fvisibility=hidden
endif

# Not all that a server built with gcc asks for is known to clang.
ifneq (,$(findstring clang,$(shell $(CC) --version 2>/dev/null)))
override CFLAGS += -Wno-unknown-warning-option -Wno-ignored-attributes \
	-Wno-ignored-optimization-argument
endif

$(DATA_built): $(SQL_PARTS) $(EXTENSION).control
	cat $(SQL_PARTS) > $@

# The script and style of the SVG, as a header that assets.mk makes.
-include src/flame/svg/assets.mk
GENERATED_HEADERS := $(FLAME_SVG_ASSETS)

$(OBJS): $(wildcard src/*.h src/*/*.h src/*/*/*.h) $(GENERATED_HEADERS) Makefile

.PHONY: test-folders
test-folders:
	@$(MKDIR_P) build/regress build/isolation


# Pure code: compiled as for a program, with sanitizers, for unit tests and
# fuzzing.  A source says that it is pure by including postgres_fe.h under
# FRONTEND.
PURE_SOURCES := $(sort $(shell grep -l '^.ifndef FRONTEND' src/*/*.c))

# With assertions, and without -fwrapv, so that UBSan sees signed overflow.
# Under sanitizers gcc finds uninitialized variables where there are none.
PURE_CFLAGS = $(WARNINGS) -Wno-unknown-warning-option -Wno-maybe-uninitialized \
	-g -O1 -fno-omit-frame-pointer -fno-strict-aliasing -fno-sanitize-recover=all
PURE_CPPFLAGS = -DFRONTEND -DUSE_ASSERT_CHECKING=1 -Isrc -Ibuild/unit -Itest/unit \
	-DPYRO_VERSION=\"$(EXTVERSION)\" -D_GNU_SOURCE -I$(includedir_server)
PURE_LIBS = -L$(pkglibdir) -lpgcommon -lpgport -lzstd -ldeflate -lm

UNIT_PROGRAMS := $(patsubst test/unit/%.c,build/unit/%,$(sort $(wildcard test/unit/test_*.c)))
UNIT_OBJS := $(PURE_SOURCES:%.c=build/unit/%.o)
UNIT_COMPILE = $(CC) $(PURE_CFLAGS) $(COPT) -fsanitize=address,undefined

FUZZ_PROGRAMS := $(patsubst test/fuzz/%.c,build/fuzz/%,$(sort $(wildcard test/fuzz/fuzz_*.c)))
FUZZ_OBJS := $(PURE_SOURCES:%.c=build/fuzz/%.o)
FUZZ_CC = clang
FUZZ_COMPILE = $(FUZZ_CC) $(PURE_CFLAGS) -Wno-ignored-attributes \
	-fsanitize=fuzzer,address,undefined
FUZZ_RUNS ?= 20000

# What the tests compare our decoder with: the same format read by protobuf-c.
ifneq (,$(wildcard test/unit/profile.proto))
PROTOBUF_OBJ = build/unit/profile.pb-c.o
PROTOBUF_LIB = -lprotobuf-c

build/unit/profile.pb-c.c: test/unit/profile.proto
	@$(MKDIR_P) $(@D)
	protoc-c --proto_path=test/unit --c_out=$(@D) $<

$(PROTOBUF_OBJ): build/unit/profile.pb-c.c
	$(CC) -g -O2 -c $< -o $@
endif

build/unit/%.o: %.c | $(GENERATED_HEADERS) $(PROTOBUF_OBJ)
	@$(MKDIR_P) $(@D)
	$(UNIT_COMPILE) $(PURE_CPPFLAGS) -MMD -MP -c $< -o $@

build/fuzz/%.o: %.c | $(GENERATED_HEADERS)
	@$(MKDIR_P) $(@D)
	$(FUZZ_COMPILE) $(PURE_CPPFLAGS) -MMD -MP -c $< -o $@

$(UNIT_PROGRAMS): build/unit/%: build/unit/test/unit/%.o $(UNIT_OBJS) $(PROTOBUF_OBJ)
	$(UNIT_COMPILE) $^ $(PURE_LIBS) $(PROTOBUF_LIB) -o $@

$(FUZZ_PROGRAMS): build/fuzz/%: build/fuzz/test/fuzz/%.o $(FUZZ_OBJS)
	$(FUZZ_COMPILE) $^ $(PURE_LIBS) -o $@

-include $(shell find build -name '*.d' 2>/dev/null)

.PHONY: unit unit-programs fuzz fuzz-programs check-house indent
.SECONDARY:

# A program that does not compile is reported with the others' results.
unit:
	-@$(MAKE) -k unit-programs
	@scripts/run_unit.sh $(UNIT_PROGRAMS)

unit-programs: $(UNIT_PROGRAMS)

fuzz:
	-@$(MAKE) -k fuzz-programs
	@scripts/run_fuzz.sh $(FUZZ_RUNS) $(FUZZ_PROGRAMS)

fuzz-programs: $(FUZZ_PROGRAMS)

check-house: all
	scripts/check/all.sh

indent:
	scripts/indent.sh
