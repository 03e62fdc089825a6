# Goals of those who work on the source; each is a script.

.PHONY: help demo demo-stop check check-clients check-move check-upgrade unit bench fuzz format documents lint sanitize clean-dev

help:
	@echo 'make                 build against the pg_config in PATH'
	@echo 'make install         install the extension vector_ext'
	@echo 'make install-alias   also install it under the name vector'
	@echo 'make installcheck    regression tests against a running server'
	@echo 'make demo            see it work; make demo-stop ends it'
	@echo 'make check           all tests in a throw-away cluster; T=name for one'
	@echo 'make check-clients   drivers and ORMs against it; T=name for one'
	@echo 'make check-move      move from pgvector and back, with its Debian package'
	@echo 'make check-upgrade   pg_upgrade from an older PostgreSQL that is installed'
	@echo 'make unit            unit tests of this machine only, no server'
	@echo 'make bench           measure; test/bench/README.md'
	@echo 'make lint            formatting, layers, exports, warnings'
	@echo 'make format          format the C sources'
	@echo 'make documents       cut the code of clients into test/clients/snippets.md'
	@echo 'make sanitize        all tests with UBSan'
	@echo 'make fuzz            fuzz every parser, SECONDS=600 each'
	@echo 'make clean-dev       remove what tests and benchmarks built'

demo:
	@test/demo/demo.sh

demo-stop:
	@test/demo/demo.sh stop

check:
	@T='$(T)' test/check.sh

check-clients:
	@T='$(T)' test/clients/run.sh

check-move:
	@test/move/run.sh move_pgvector

check-upgrade:
	@test/move/run.sh upgrade_server

unit:
	@$(MAKE) -s -C test/unit run ONLY='$(T)'

bench:
	@test/bench/bench.sh

fuzz:
	@sh test/install_packages.sh fuzz
	@$(MAKE) -C test/fuzz fuzz ONLY='$(T)' SECONDS='$(or $(SECONDS),600)'

format:
	@clang-format-14 -i $$(git ls-files 'src/*.[ch]' 'test/*.[ch]')

documents:
	@perl -I test/perl -MDocuments -e update_clients

lint:
	@test/lint/lint.sh

sanitize:
	@test/sanitize.sh

clean-dev:
	rm -rf test/unit/build test/fuzz/build test/bench/build
