# Reelgate. `make` builds release into build/release/bin; `make help` lists all.
MODE  ?= release
BUILD := build/$(MODE)
CC    ?= gcc

WARN := -Wall -Wextra -Wpedantic -Wshadow -Wvla -Wundef -Wformat=2 \
	-Wwrite-strings -Wcast-qual -Wstrict-prototypes -Wmissing-prototypes \
	-Wframe-larger-than=16384 -fno-common
ifeq ($(CI)-$(filter fuzz,$(MODE)),true-)
WARN += -Werror
endif

OPT.release := -O2 -g -D_FORTIFY_SOURCE=2 -fstack-protector-strong
OPT.debug   := -Og -g3
OPT.asan    := -O1 -g3 -fsanitize=address,undefined -fno-omit-frame-pointer \
	       -fno-sanitize-recover=all
OPT.tsan    := -O1 -g3 -fsanitize=thread -fno-omit-frame-pointer
OPT.fuzz    := -O1 -g -fsanitize=fuzzer-no-link,address,undefined \
	       -fno-omit-frame-pointer -fno-sanitize-recover=all
LD.release  := -Wl,-z,relro,-z,now -pie
LD.asan     := -fsanitize=address,undefined
LD.tsan     := -fsanitize=thread
LD.fuzz     := -fsanitize=fuzzer,address,undefined
ifeq ($(OPT.$(MODE)),)
$(error MODE is one of release, debug, asan, tsan, fuzz)
endif
ifeq ($(MODE),fuzz)
CC := clang-14
WARN := -w # gcc is asked
endif

VERSION := $(shell git describe --always --dirty 2>/dev/null || echo unknown)
CPPFLAGS += -I. -I$(BUILD)/gen -include base/banned.h -D_GNU_SOURCE
CFLAGS   += -std=c17 -fPIE $(WARN) $(OPT.$(MODE))
LDFLAGS  += $(LD.$(MODE))

# Libraries by program: libav and libmagic only in the sandboxed worker.
LIBS.core    := -llmdb -lpq -lcurl -lexpat -lisal -lcjson -lcrypto \
		-lpthread -lm
LIBS.gateway := -lmicrohttpd $(LIBS.core)
LIBS.media   := -lavformat -lavcodec -lavutil -lswscale -lswresample \
		-lmagic -lseccomp -lexpat -lisal -lcjson -lcrypto \
		-lpthread -lm
CPPFLAGS += -I/usr/include/postgresql

# Every .c of a folder belongs to it: a new file needs no edit here.
objs = $(patsubst %.c,$(BUILD)/%.o,$(wildcard $(1)/*.c))
CORE_OBJ      := $(foreach d,base store store/local store/s3 \
		   auth queue,$(call objs,$(d))) \
		 $(BUILD)/gen/schema.o
GATEWAY_OBJ   := $(filter-out %/main.o,$(foreach d,gateway gateway/http \
		   gateway/s3 gateway/s3/op gateway/api gateway/migrate,\
		   $(call objs,$(d)))) \
		 $(BUILD)/gen/openapi.o
PROCESSOR_OBJ := $(filter-out %/main.o,$(call objs,processor))
MEDIA_OBJ     := $(filter-out %/main.o,$(call objs,processor/media) \
		   $(call objs,processor/media/*))
TOOLS_OBJ     := $(filter-out %/reelgate.o,$(call objs,tools))

PROGRAMS := $(addprefix $(BUILD)/bin/,reelgate reelgate-gateway \
	    reelgate-processor reelgate-media)
UNITS    := $(patsubst tests/unit/%.c,$(BUILD)/tests/%,\
	    $(wildcard tests/unit/test_*.c))

# The contract of the store, on its other backend, with a gateway behind it.
# With sanitizers in both, those that move many bytes take too long.
S3_UNITS := $(patsubst %,$(BUILD)/tests/test_store_%_s3,\
	    contract versions list \
	    $(if $(filter asan tsan,$(MODE)),,multipart copy))

POWER    := $(addprefix $(BUILD)/tests/power/,record.so driver replay)

SUITES   := unit asan http httpasan api apiasan acceptance processor media e2e crash

.PHONY: all help bench-api bench-relay deps units test check suites $(SUITES) fuzz fuzzers \
	fuzz-replay lint layers conf s3-api docs format format-check bench bench-queue bench-remote bench-media bench-scenes bench-programs \
	install clean
all: $(PROGRAMS) ## build all programs (MODE=release|debug|asan|tsan)

help: ## list the targets
	@sed -n 's/^\([a-z-]*\):.*## /  \1\t/p' Makefile | expand -t 18

deps: ## install the Debian packages for building and testing
	tools/install-deps --test

# ---- building ---------------------------------------------------------------
$(BUILD)/%.o: %.c Makefile
	@mkdir -p $(@D)
	$(CC) $(CPPFLAGS) $(CFLAGS) -MMD -MP -c -o $@ $<

$(BUILD)/gen/schema.c: $(sort $(wildcard queue/schema/*.sql)) \
		tools/embed-schema tools/embed-text
	@mkdir -p $(@D)
	tools/embed-schema $(sort $(wildcard queue/schema/*.sql)) > $@.new
	@mv $@.new $@
$(BUILD)/gen/openapi.c: gateway/api/openapi.json tools/embed-text
	@mkdir -p $(@D)
	{ echo '#include "gateway/api/call.h"'; \
	  echo '#pragma GCC diagnostic ignored "-Woverlength-strings"'; \
	  echo 'const char api_openapi_text[] ='; tools/embed-text $<; \
	  echo ';'; } > $@.new
	@mv $@.new $@
$(BUILD)/gen/%.o: $(BUILD)/gen/%.c
	$(CC) $(CPPFLAGS) $(CFLAGS) -c -o $@ $<

# The version changes with each commit: only the file that prints it rebuilds.
$(BUILD)/gen/version.h: FORCE
	@mkdir -p $(@D)
	@echo '#define REELGATE_VERSION "$(VERSION)"' > $@.new
	@cmp -s $@.new $@ || cp $@.new $@
	@rm -f $@.new
FORCE:
$(foreach d,tools gateway processor processor/media,$(call objs,$(d))): \
		| $(BUILD)/gen/version.h

# Speech to words, where pocketsphinx is there to build with: its library and
# model are opened at run time, so nothing is linked.
SPHINX_MODEL := $(shell pkg-config --variable=modeldir pocketsphinx 2>/dev/null)
ifneq ($(SPHINX_MODEL),)
$(BUILD)/processor/media/speech/recogniser.o: CPPFLAGS += \
	-DPOCKETSPHINX_MODEL='"$(SPHINX_MODEL)"' $(patsubst -I%,-isystem %,\
	$(shell pkg-config --cflags pocketsphinx))
endif

define archive
$(BUILD)/lib$(1).a: $(2)
	@rm -f $$@
	$(AR) qcs $$@ $$^
endef
$(eval $(call archive,core,$(CORE_OBJ)))
$(eval $(call archive,gateway,$(GATEWAY_OBJ)))
$(eval $(call archive,processor,$(PROCESSOR_OBJ)))
$(eval $(call archive,media,$(MEDIA_OBJ)))
$(eval $(call archive,tools,$(TOOLS_OBJ)))

link = @mkdir -p $(@D); echo "  LINK $@"; $(CC) $(CFLAGS) $(LDFLAGS) -o $@
$(BUILD)/bin/reelgate: $(BUILD)/tools/reelgate.o $(BUILD)/libtools.a \
		$(BUILD)/libcore.a
	$(link) $^ $(LIBS.core)
$(BUILD)/bin/reelgate-gateway: $(BUILD)/gateway/main.o $(BUILD)/libgateway.a \
		$(BUILD)/libcore.a
	$(link) $^ $(LIBS.gateway)
$(BUILD)/bin/reelgate-processor: $(BUILD)/processor/main.o \
		$(BUILD)/libprocessor.a $(BUILD)/libcore.a
	$(link) $^ $(LIBS.core)
$(BUILD)/bin/reelgate-media: $(BUILD)/processor/media/main.o \
		$(BUILD)/libmedia.a $(BUILD)/libcore.a
	$(link) $^ $(LIBS.media)

# Unit tests link what their name asks for: test_media_* the worker's code,
# test_gateway_* and test_processor_* theirs, all others the core.
units: $(UNITS) $(S3_UNITS) $(BUILD)/tests/attack $(BUILD)/tests/drive $(POWER) ## build the unit tests
$(BUILD)/tests/attack: $(BUILD)/tests/media/attack.o \
		$(BUILD)/processor/media/sandbox.o \
		$(BUILD)/processor/media/seccomp.o
	$(link) $^ -lseccomp -lpthread
$(BUILD)/tests/drive: $(BUILD)/tests/media/drive.o $(BUILD)/libprocessor.a \
		$(BUILD)/libcore.a
	$(link) $^ $(LIBS.core)
# Our loudness meter beside another one.
$(BUILD)/tests/test_media_r128: LIBS.media += -lebur128
$(BUILD)/tests/test_media_%: $(BUILD)/tests/unit/test_media_%.o \
		$(BUILD)/libmedia.a $(BUILD)/libcore.a
	$(link) $^ -lcmocka $(LIBS.media)
$(BUILD)/tests/test_gateway_relay_faults: LDFLAGS += -Wl,--wrap=store_events_ack
$(BUILD)/tests/test_gateway_%: $(BUILD)/tests/unit/test_gateway_%.o \
		$(BUILD)/libgateway.a $(BUILD)/libcore.a
	$(link) $^ -lcmocka $(LIBS.gateway)
$(BUILD)/tests/test_processor_%: $(BUILD)/tests/unit/test_processor_%.o \
		$(BUILD)/libprocessor.a $(BUILD)/libcore.a
	$(link) $^ -lcmocka $(LIBS.core)
$(BUILD)/tests/test_tools_%: $(BUILD)/tests/unit/test_tools_%.o \
		$(BUILD)/libtools.a $(BUILD)/libcore.a
	$(link) $^ -lcmocka $(LIBS.core)
$(S3_UNITS): | $(BUILD)/bin/reelgate-gateway
$(BUILD)/tests/unit/test_store_%_s3.o: tests/unit/test_store_%.c Makefile
	@mkdir -p $(@D)
	$(CC) $(CPPFLAGS) $(CFLAGS) -DFIXTURE_S3 -MMD -MP -c -o $@ $<
$(BUILD)/tests/test_%: $(BUILD)/tests/unit/test_%.o $(BUILD)/libcore.a
	$(link) $^ -lcmocka $(LIBS.core)

# The benchmark: its load generator, and the limits it is compared with.
BENCH_OBJ = $(BUILD)/tests/bench/stats.o $(BUILD)/tests/bench/data.o \
	    $(BUILD)/libcore.a
$(BUILD)/bench/bench-load: $(patsubst %.c,$(BUILD)/%.o,\
		$(wildcard tests/bench/load*.c)) $(BENCH_OBJ)
	$(link) $^ $(LIBS.core)
$(BUILD)/bench/bench-limit: $(patsubst %.c,$(BUILD)/%.o,\
		$(wildcard tests/bench/limit*.c)) $(BENCH_OBJ)
	$(link) $^ $(LIBS.gateway)
$(BUILD)/bench/bench-fill: $(BUILD)/tests/bench/fill.o $(BENCH_OBJ)
	$(link) $^ $(LIBS.core)
$(BUILD)/bench/bench-queue: $(BUILD)/tests/bench/queue.o \
		$(BUILD)/libprocessor.a $(BENCH_OBJ)
	$(link) $^ $(LIBS.core)
$(BUILD)/bench/bench-relay: $(BUILD)/tests/bench/relay.o \
		$(BUILD)/libgateway.a $(BENCH_OBJ)
	$(link) $^ $(LIBS.gateway)
$(BUILD)/bench/bench-decode: $(BUILD)/tests/bench/media_decode.o
	$(link) $^ -lavformat -lavcodec -lavutil
bench-programs: $(addprefix $(BUILD)/bench/bench-,load limit fill relay queue decode)

bench-relay: $(BUILD)/bench/bench-relay ## measure the relay: events a second into PostgreSQL
	@for rule in video event none; do \
		echo "rule $$rule"; tests/lib/with-pg $< --rule $$rule; done

bench: all bench-programs ## measure, beside the limits (ROW=get4k, QUICK=1)
	tests/bench/run $(ROW)

bench-api: all ## 500 uploads at once beside 5,000 polling users (ARGS="--seconds 20")
	tests/bench/api.py $(ARGS)

bench-remote: all $(BUILD)/bench/bench-load ## the gateway in front of another S3 (ARGS=--small)
	tests/bench/remote.py $(ARGS)

bench-queue: all $(BUILD)/bench/bench-queue ## measure the job queue beside others (ARGS=--quick)
	tests/bench/queue_run $(ARGS)

bench-media: all $(BUILD)/bench/bench-decode ## the media worker beside bare libav and FFmpeg (ARGS=--shares)
	tests/bench/media_run $(ARGS)

bench-scenes: all ## scene detection on synthetic truth, held-out split (ARGS="--rivals --scenedetect FOLDER")
	tests/media/truth/score.py --split test --minutes 8 $(ARGS)

# The power-cut test: a recorder to preload, a program to record, a replayer.
# The recorder defines what _FORTIFY_SOURCE would make inline.
$(BUILD)/tests/power/record.so: $(wildcard tests/crash/power_record*.c) \
		$(wildcard tests/crash/power*.h) Makefile
	@mkdir -p $(@D)
	$(CC) $(CPPFLAGS) $(CFLAGS) -U_FORTIFY_SOURCE -fPIC -shared -o $@ \
		$(filter %.c,$^)
$(BUILD)/tests/power/driver: LDFLAGS += -Wl,--wrap=outbox_append
$(BUILD)/tests/power/driver: $(foreach f,driver work model see,\
		$(BUILD)/tests/crash/power_$(f).o) \
		$(BUILD)/libcore.a
	$(link) $^ $(LIBS.core)
$(BUILD)/tests/power/replay: $(foreach f,replay states disk cut expect see check,\
		$(BUILD)/tests/crash/power_$(f).o) $(BUILD)/libcore.a
	$(link) $^ $(LIBS.core)

# A fuzz target is a libFuzzer program with MODE=fuzz; in the other modes the
# same code runs over the committed corpus.
FUZZERS      := $(patsubst tests/fuzz/fuzz_%.c,%,$(wildcard tests/fuzz/fuzz_*.c))
FUZZ_SECONDS ?= 20
ifneq ($(MODE),fuzz)
FUZZ_MAIN := $(BUILD)/tests/fuzz/replay.o
endif
$(BUILD)/fuzz/%: $(BUILD)/tests/fuzz/fuzz_%.o $(FUZZ_MAIN) \
		$(BUILD)/libgateway.a $(BUILD)/libcore.a
	$(link) $^ $(LIBS.gateway)
# The endpoint whose answers are fuzzed.
$(BUILD)/fuzz/s3_answer: LDFLAGS += -Wl,--wrap=s3_request_run,--wrap=s3_get
$(BUILD)/fuzz/processor_%: $(BUILD)/tests/fuzz/fuzz_processor_%.o $(FUZZ_MAIN) \
		$(BUILD)/libprocessor.a $(BUILD)/libcore.a
	$(link) $^ $(LIBS.core)
$(BUILD)/fuzz/media_%: $(BUILD)/tests/fuzz/fuzz_media_%.o $(FUZZ_MAIN) \
		$(BUILD)/libmedia.a $(BUILD)/libcore.a
	$(link) $^ $(LIBS.media)
.PRECIOUS: $(BUILD)/%.o

# ---- checking ---------------------------------------------------------------
test: ## everything: install, build, all suites (tools/test)
	tools/test
check: lint unit ## static checks and unit tests, before each commit

suites: ## each suite is a target of its own: make unit, http, api, e2e, ...
	@echo $(SUITES)
$(SUITES):
	tools/test --only $@

fuzz: ## fuzz each target for FUZZ_SECONDS=20 (clang-14)
	$(MAKE) MODE=fuzz fuzzers
	tests/fuzz/run $(FUZZ_SECONDS) $(FUZZERS)
fuzzers: $(addprefix $(BUILD)/fuzz/,$(FUZZERS))

fuzz-replay: $(addprefix $(BUILD)/fuzz/,$(FUZZERS)) ## run the fuzz corpora
	@set -e; for t in $(FUZZERS); do \
		$(BUILD)/fuzz/$$t tests/fuzz/corpus/$$t/*; done

lint: layers conf s3-api docs format-check ## static checks

layers: ## who may include whom, and which library lives where
	tools/check-layers

conf: ## settings table = sample file = documentation
	tools/check-conf

s3-api: ## table of S3 operations = documentation
	tools/check-s3-api

docs: ## "Code structure" of each README = files of the folder
	tools/check-docs

FORMATTED = $(shell find . -path ./build -prune -o -name '*.[ch]' -print)
format: ## format the C files
	clang-format-14 -i $(FORMATTED)
format-check: ## fail when a C file is not formatted
	clang-format-14 --dry-run --Werror $(FORMATTED)

PREFIX ?= /usr/local
install: all ## install into PREFIX (DESTDIR respected)
	install -d $(DESTDIR)$(PREFIX)/bin $(DESTDIR)$(PREFIX)/share/reelgate
	install -m 755 $(PROGRAMS) $(DESTDIR)$(PREFIX)/bin
	install -m 644 conf/reelgate.conf $(DESTDIR)$(PREFIX)/share/reelgate

clean: ## remove all build trees
	rm -rf build

-include $(shell find $(BUILD) -name '*.d' 2>/dev/null)
