# vector_ext: vector search in PostgreSQL
#
# make && make install      build and install against the pg_config in PATH
# make install-alias        also under the name "vector"
# make uninstall, uninstall-alias
# make demo                 see it work: packages, build, cluster, data, answers
# make check                all tests in a throw-away cluster
# make help                 everything else

DEV_GOALS = help demo demo-stop check check-clients check-move check-upgrade unit bench fuzz format documents lint sanitize clean-dev
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
# For C extensions that take our types
HEADERS_vector_ext = src/headers/vector.h src/headers/halfvec.h src/headers/sparsevec.h
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

ASSEMBLE = sql/install/assemble.sh sql/install/complete.awk

$(SCRIPT): $(FRAGMENTS) $(ASSEMBLE) vector_ext.control
	mkdir -p $(@D)
	sh sql/install/assemble.sh install vector_ext vector $(FRAGMENTS) > $@

# The extension under the name that applications written for pgvector create.
# An install of its own, since no two packages can own vector.control.
#
# Each version that is asked for has the same objects, those of the one library
# there is: applications ask for a version to have at least its objects, compare
# extversion with what they need, and never with what must not be there.  An
# update leads over one version between all the others, so that its script runs
# once: it creates what a catalogue does not have that pgvector made, and is
# a way to do so where the version is the newest already.  Another leads back to
# what pgvector's library knows.  Their names are below all others, for those who
# look for the highest.
ALIAS_VERSIONS = 0.5.0 0.5.1 0.6.0 0.6.1 0.6.2 0.7.0 0.7.1 0.7.2 0.7.3 0.7.4 \
	0.8.0 0.8.1 0.8.2 0.8.3 0.8.4 0.8.5 0.8.6 0.8.7
ALIAS_TOO_OLD = 0.1.0 0.1.1 0.1.3 0.1.4 0.1.5 0.1.6 0.1.7 0.1.8 0.2.0 0.2.1 0.2.2 0.2.3 0.2.4 \
	0.2.5 0.2.6 0.2.7 0.3.0 0.3.1 0.3.2 0.4.0 0.4.1 0.4.2 0.4.3 0.4.4
ALIAS_COMPLETE = 0.0.0-complete
ALIAS_PGVECTOR = 0.0.0-pgvector
ALIAS_BUILT = $(addprefix sql/install/built/alias_,install.sql complete.sql rename.sql too_old.sql pgvector.sql)
ALIAS_DIR = $(DESTDIR)$(datadir)/extension

sql/install/built/alias_install.sql: $(FRAGMENTS) $(ASSEMBLE)
	mkdir -p $(@D)
	sh sql/install/assemble.sh install vector vector_ext $(FRAGMENTS) > $@

sql/install/built/alias_complete.sql: $(FRAGMENTS) sql/alias/older.sql $(ASSEMBLE)
	mkdir -p $(@D)
	sh sql/install/assemble.sh complete vector vector_ext $(FRAGMENTS) sql/alias/older.sql > $@

sql/install/built/alias_rename.sql: $(ASSEMBLE)
	mkdir -p $(@D)
	sh sql/install/assemble.sh complete vector vector_ext > $@

sql/install/built/alias_%.sql: sql/alias/%.sql
	mkdir -p $(@D)
	cp $< $@

# KIND,VERSIONS,NAME with $$version: a script for each version, links to the first
ALIAS_SCRIPTS = first=; for version in $(2); do \
		if [ -z "$$first" ]; then first=$(3) && \
			$(INSTALL_DATA) sql/install/built/alias_$(1).sql "$(ALIAS_DIR)/$$first"; \
		else ln -s "$$first" "$(ALIAS_DIR)/"$(3); fi || exit 1; done

# The library is a link to ours: two copies would define each setting twice.
.PHONY: install-alias
install-alias: install $(ALIAS_BUILT)
	$(INSTALL_DATA) sql/alias/vector.control '$(ALIAS_DIR)/'
	ln -sf vector_ext$(DLSUFFIX) '$(DESTDIR)$(pkglibdir)/vector$(DLSUFFIX)'
	rm -f '$(ALIAS_DIR)/vector--'*.sql
	$(call ALIAS_SCRIPTS,install,$(ALIAS_VERSIONS),vector--$$version.sql)
	$(call ALIAS_SCRIPTS,complete,$(ALIAS_VERSIONS),vector--$$version--$(ALIAS_COMPLETE).sql)
	$(call ALIAS_SCRIPTS,rename,$(ALIAS_VERSIONS),vector--$(ALIAS_COMPLETE)--$$version.sql)
	$(call ALIAS_SCRIPTS,pgvector,$(ALIAS_PGVECTOR),vector--$(ALIAS_COMPLETE)--$(ALIAS_PGVECTOR).sql)
	$(call ALIAS_SCRIPTS,rename,$(ALIAS_VERSIONS),vector--$(ALIAS_PGVECTOR)--$$version.sql)
	$(call ALIAS_SCRIPTS,too_old,$(ALIAS_TOO_OLD),vector--$$version--$(ALIAS_COMPLETE).sql)
	$(MKDIR_P) '$(DESTDIR)$(includedir_server)/extension/vector'
	$(INSTALL_DATA) $(HEADERS_vector_ext) '$(DESTDIR)$(includedir_server)/extension/vector/'

# Nothing where these names belong to pgvector.
.PHONY: uninstall-alias
uninstall-alias:
	if [ "$$(readlink '$(DESTDIR)$(pkglibdir)/vector$(DLSUFFIX)')" = vector_ext$(DLSUFFIX) ]; then \
		rm -f '$(DESTDIR)$(pkglibdir)/vector$(DLSUFFIX)' \
			'$(ALIAS_DIR)/vector.control' '$(ALIAS_DIR)/vector--'*.sql; \
		rm -rf '$(DESTDIR)$(includedir_server)/extension/vector'; \
	fi

-include $(OBJS:.o=.d)

endif
