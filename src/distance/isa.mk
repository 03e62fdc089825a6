# Instruction sets of the kernel files, one level each; see distance.h.
# No other file is compiled for more than the machine's base instructions.
#
# Includers add ISA_FLAGS(file) to the flags of src/distance/<file>.c.  host_cpu
# is what the compiler builds for, as PostgreSQL's makefiles name it.

ifneq ($(filter x86_64 amd64,$(or $(host_cpu),$(shell uname -m))),)
ISA_FLAGS_dist_avx2 = -mavx2 -mfma -mf16c
ISA_FLAGS_dist_avx512 = $(ISA_FLAGS_dist_avx2) -mavx512f -mavx512bw \
	-mavx512dq -mavx512vl -mavx512vpopcntdq -mprefer-vector-width=512
endif

# The same bits at every level (dist_map_body.h): what shall be fused says so.
ISA_FLAGS_dist_avx2 += -ffp-contract=off
ISA_FLAGS_dist_avx512 += -ffp-contract=off
ISA_FLAGS_dist_neon += -ffp-contract=off

# The reference stays one element at a time.
ISA_FLAGS_dist_scalar = -fno-tree-vectorize -ffp-contract=off

# The same bits on every machine: ARM compilers would fuse product and sum.
ISA_FLAGS_dist_sparse = -ffp-contract=off

ISA_FLAGS = $(ISA_FLAGS_$(1))
