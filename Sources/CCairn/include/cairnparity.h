// Arithmetic of parity: Reed-Solomon over GF(2^8) and CRC-64.
//
// Both are done by Intel ISA-L where the system has it. It is looked for when it is first needed, not linked: Debian and Ubuntu ship no
// archive of it, and the program has to run where nothing but glibc is installed. Elsewhere plain C gives the same bytes, slower.
#pragma once

#include <stddef.h>
#include <stdint.h>

/// For each of `length` positions: outputs = matrix * inputs over GF(2^8) modulo x^8+x^4+x^3+x^2+1. `matrix` has a row of `inputs`
/// coefficients for each output. At most 128 inputs and 16 rows; buffers do not overlap. 32 inputs and 2 rows take 20 GB/s of input
/// from the cache of a Zen 4 core, 0.6 GB/s without ISA-L.
void cairn_gf_multiply(size_t length, int inputs, int rows, const uint8_t *matrix, const uint8_t *const *in, uint8_t *const *out);
void cairn_gf_multiply_portable(size_t length, int inputs, int rows, const uint8_t *matrix, const uint8_t *const *in, uint8_t *const *out);

/// CRC-64/XZ (ECMA-182, reflected).
uint64_t cairn_crc64(const void *bytes, size_t count);
uint64_t cairn_crc64_portable(const void *bytes, size_t count);

/// Whether ISA-L was found.
int cairn_has_isal(void);
