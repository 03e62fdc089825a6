# Instruction sets of the kernel files, one level each; see distance.h.
# No other file is compiled for more than the machine's base instructions.

ifneq ($(filter x86_64 amd64,$(shell uname -m)),)
src/distance/dist_avx2.o: CFLAGS += -mavx2 -mfma -mf16c -mpopcnt
src/distance/dist_avx512.o: CFLAGS += -mavx512f -mavx512bw -mavx512dq \
	-mavx512vl -mavx512vpopcntdq -mprefer-vector-width=512 \
	-mavx2 -mfma -mf16c -mpopcnt
endif

# The reference stays one element at a time.
src/distance/dist_scalar.o: CFLAGS += -fno-tree-vectorize -ffp-contract=off
