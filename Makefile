# vector_ext: vector search in PostgreSQL
#
# make && make install      build and install against the pg_config in PATH
# make install-alias        also under the name "vector"
# make uninstall, uninstall-alias
# make demo                 see it work: packages, build, cluster, data, answers
# make check                all tests in a throw-away cluster
# make help                 everything else

DEV_GOALS = help demo demo-stop check check-clients unit bench fuzz format lint sanitize clean-dev
ifneq ($(filter $(DEV_GOALS),$(MAKECMDGOALS)),)
include test/dev.mk
else

EXTENSION = vector_ext
EXTVERSION = $(shell sed -n "s/^default_version = '\(.*\)'/\1/p" vector_ext.control)
MODULE_big = vector_ext

OBJS = $(patsubst %.c,%.o,$(sort $(wildcard src/*.c src/*/*.c)))

# The extension script is its fragments in order, see sql/install/assemble.sh.
FRAGMENTS = $(sort $(wildcard sql/install/*.sql))
SCRIPT = sql/install/built/vector_ext--$(EXTVERSION).sql
DATA_built = $(SCRIPT)
DATA = $(wildcard sql/upgrade/vector_ext--*--*.sql)

# pg_regress tests.  "make check" runs them in a cluster of its own; this is
# the stock "make installcheck" against a running server.
REGRESS = $(patsubst sql/%.sql,%,$(sort $(wildcard sql/*.sql)))
REGRESS_OPTS = --load-extension=vector_ext

PG_CPPFLAGS = -I$(srcdir)/src -DVECTOR_EXT_VERSION='"$(EXTVERSION)"'
PG_CFLAGS = -MMD -MP -fvisibility=hidden -Wmissing-prototypes -Wextra \
	-Wno-unused-parameter -Wno-missing-field-initializers -Wno-sign-compare
SHLIB_LINK = -lm -ldl

# make SANITIZE=-fsanitize=undefined,...: see test/sanitize.sh
comma = ,
ifdef SANITIZE
PG_CFLAGS += $(subst $(comma), ,$(SANITIZE))
SHLIB_LINK += $(firstword $(subst $(comma), ,$(SANITIZE)))
endif
EXTRA_CLEAN = sql/install/built $(OBJS:.o=.d)

# Per-file instruction sets would reach neither the bitcode nor its compiler.
override with_llvm = no

PG_CONFIG ?= pg_config
PGXS := $(shell $(PG_CONFIG) --pgxs)
include $(PGXS)

# Before 16 PGDLLEXPORT is empty on ELF systems, see src/core/export.h.
ifeq ($(filter-out 15,$(MAJORVERSION)),)
override CPPFLAGS += -DPGDLLEXPORT='__attribute__((visibility("default")))'
endif

# Loops over elements; -O2 of gcc 12 leaves most of them scalar.
src/vector/elem.o src/vector/dense_parse.o src/vector/dense_arith.o \
	src/vector/dense_agg.o: CFLAGS += -O3

# Loops over estimates, and over attributes, which -O2 leaves scalar.
src/ivf/ivf_search.o src/ivf/ivf_calibrate.o src/am/attribute_filter.o: CFLAGS += -O3

# Codes must be the same bits on every machine.
src/ivf/ivf_encode.o src/hnsw/hnsw_copy.o src/hnsw/hnsw_image.o src/hnsw/hnsw_model.o \
	src/am/row.o: \
	CFLAGS += -O3 -ffp-contract=off

include src/distance/isa.mk
src/distance/%.o: CFLAGS += $(call ISA_FLAGS,$(basename $(@F)))
# The same codes on every machine: ARM compilers would fuse product and sum.
src/quant/%.o src/graph/%.o: CFLAGS += -O3 -ffp-contract=off

$(SCRIPT): $(FRAGMENTS) sql/install/assemble.sh vector_ext.control
	mkdir -p $(@D)
	sh sql/install/assemble.sh vector_ext vector $(FRAGMENTS) > $@

# The extension under the name that applications written for pgvector create.
# An install of its own, since no two packages can own vector.control.
ALIAS_VERSION = $(shell sed -n "s/^default_version = '\(.*\)'/\1/p" sql/alias/vector.control)
ALIAS_SCRIPT = sql/install/built/vector--$(ALIAS_VERSION).sql

$(ALIAS_SCRIPT): $(FRAGMENTS) sql/install/assemble.sh sql/alias/vector.control
	mkdir -p $(@D)
	sh sql/install/assemble.sh vector vector_ext $(FRAGMENTS) > $@

# The library is a link to ours: two copies would define each setting twice.
.PHONY: install-alias
install-alias: install $(ALIAS_SCRIPT)
	$(INSTALL_DATA) sql/alias/vector.control $(ALIAS_SCRIPT) '$(DESTDIR)$(datadir)/extension/'
	ln -sf vector_ext$(DLSUFFIX) '$(DESTDIR)$(pkglibdir)/vector$(DLSUFFIX)'

# Nothing where these names belong to pgvector.
.PHONY: uninstall-alias
uninstall-alias:
	if [ "$$(readlink '$(DESTDIR)$(pkglibdir)/vector$(DLSUFFIX)')" = vector_ext$(DLSUFFIX) ]; then \
		rm -f '$(DESTDIR)$(pkglibdir)/vector$(DLSUFFIX)' \
			'$(DESTDIR)$(datadir)/extension/vector.control' \
			'$(DESTDIR)$(datadir)/extension/vector--'*.sql; \
	fi

-include $(OBJS:.o=.d)

endif
