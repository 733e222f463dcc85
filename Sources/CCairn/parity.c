#include "cairnparity.h"

#include <dlfcn.h>
#include <isa-l/crc64.h>
#include <isa-l/erasure_code.h>
#include <pthread.h>
#include <string.h>

enum { MAX_INPUTS = 128, MAX_ROWS = 16 };

// --- ISA-L, where it is installed

static __typeof__(&ec_init_tables) init_tables;
static __typeof__(&ec_encode_data) encode_data;
static __typeof__(&crc64_ecma_refl) crc64_refl;
static pthread_once_t looked = PTHREAD_ONCE_INIT;

static void look(void) {
  void *library = dlopen("libisal.so.2", RTLD_NOW | RTLD_LOCAL);
  if (!library) return;
  void *tables = dlsym(library, "ec_init_tables"), *encode = dlsym(library, "ec_encode_data"), *crc = dlsym(library, "crc64_ecma_refl");
  if (!tables || !encode || !crc) return;
  memcpy(&init_tables, &tables, sizeof tables);
  memcpy(&encode_data, &encode, sizeof encode);
  memcpy(&crc64_refl, &crc, sizeof crc);
}

int cairn_has_isal(void) {
  pthread_once(&looked, look);
  return crc64_refl != NULL;
}

void cairn_gf_multiply(size_t length, int inputs, int rows, const uint8_t *matrix, const uint8_t *const *in, uint8_t *const *out) {
  if (!cairn_has_isal() || length > INT32_MAX || inputs > MAX_INPUTS || rows > MAX_ROWS) {
    cairn_gf_multiply_portable(length, inputs, rows, matrix, in, out);
    return;
  }
  unsigned char tables[32 * MAX_INPUTS * MAX_ROWS];
  // It writes to neither the matrix nor the inputs, and only lacks the word for it.
  init_tables(inputs, rows, (unsigned char *)matrix, tables);
  encode_data((int)length, inputs, rows, tables, (unsigned char **)in, (unsigned char **)out);
}

uint64_t cairn_crc64(const void *bytes, size_t count) {
  return cairn_has_isal() ? crc64_refl(0, bytes, count) : cairn_crc64_portable(bytes, count);
}

// --- plain C

/// out ^= factor * in, as a sum of doublings; no table, so that the compiler turns it into vector code.
static void multiply_add(size_t length, uint8_t factor, const uint8_t *restrict in, uint8_t *restrict out) {
  uint8_t masks[8];
  for (int bit = 0; bit < 8; bit++) masks[bit] = factor >> (7 - bit) & 1 ? 0xff : 0;
  for (size_t i = 0; i < length; i++) {
    uint8_t value = in[i], product = 0;
    for (int bit = 0; bit < 8; bit++) {
      uint8_t carry = product & 0x80 ? 0x1d : 0;
      product = (uint8_t)(product << 1) ^ carry ^ (value & masks[bit]);
    }
    out[i] ^= product;
  }
}

void cairn_gf_multiply_portable(size_t length, int inputs, int rows, const uint8_t *matrix, const uint8_t *const *in, uint8_t *const *out) {
  for (int row = 0; row < rows; row++) {
    memset(out[row], 0, length);
    for (int input = 0; input < inputs; input++) multiply_add(length, matrix[row * inputs + input], in[input], out[row]);
  }
}

static uint64_t crc_table[8][256];
static pthread_once_t tabled = PTHREAD_ONCE_INIT;

static void make_crc_table(void) {
  for (int byte = 0; byte < 256; byte++) {
    uint64_t value = (uint64_t)byte;
    for (int bit = 0; bit < 8; bit++) value = value >> 1 ^ (value & 1 ? 0xC96C5795D7870F42 : 0);
    crc_table[0][byte] = value;
  }
  for (int byte = 0; byte < 256; byte++)
    for (int step = 1; step < 8; step++)
      crc_table[step][byte] = crc_table[step - 1][byte] >> 8 ^ crc_table[0][crc_table[step - 1][byte] & 0xff];
}

uint64_t cairn_crc64_portable(const void *bytes, size_t count) {
  pthread_once(&tabled, make_crc_table);
  const uint8_t *next = bytes;
  uint64_t crc = ~0ULL;
  for (; count >= 8; next += 8, count -= 8) {
    for (int i = 0; i < 8; i++) crc ^= (uint64_t)next[i] << 8 * i;
    uint64_t folded = 0;
    for (int i = 0; i < 8; i++) folded ^= crc_table[7 - i][crc >> 8 * i & 0xff];
    crc = folded;
  }
  for (; count; next++, count--) crc = crc >> 8 ^ crc_table[0][(crc ^ *next) & 0xff];
  return ~crc;
}
