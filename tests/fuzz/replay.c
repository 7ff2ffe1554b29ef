/* SPDX-License-Identifier: Apache-2.0 */
/* Runs a fuzz target on every file of the folders and files given, in name order: the corpus as a
 * plain test, with any compiler. Exit 1 when there was nothing to run. */
#include <dirent.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static int run_file(const char *path) {
  FILE *f = fopen(path, "rb");
  if (!f) {
    perror(path);
    exit(1);
  }
  size_t len = 0, cap = 1 << 16;
  uint8_t *data = malloc(cap);
  for (size_t n = 1; data && n > 0;) {
    if (len == cap) data = realloc(data, cap *= 2);
    n = data ? fread(data + len, 1, cap - len, f) : 0;
    len += n;
  }
  fclose(f);
  if (!data) {
    fprintf(stderr, "%s: no memory\n", path);
    exit(1);
  }
  /* exactly as long as the input, so that the address sanitizer sees a read behind its end */
  uint8_t *exact = malloc(len ? len : 1);
  if (!exact) exit(1);
  memcpy(exact, data, len);
  free(data);
  LLVMFuzzerTestOneInput(exact, len);
  free(exact);
  return 1;
}

static int run_path(const char *path) {
  struct stat st;
  if (stat(path, &st) != 0) {
    perror(path);
    exit(1);
  }
  if (!S_ISDIR(st.st_mode)) return run_file(path);
  struct dirent **names;
  int cnt = scandir(path, &names, NULL, alphasort), ran = 0;
  for (int i = 0; i < cnt; i++) {
    char file[4096];
    if (names[i]->d_name[0] != '.') {
      snprintf(file, sizeof file, "%s/%s", path, names[i]->d_name);
      ran += run_path(file);
    }
    free(names[i]);
  }
  if (cnt >= 0) free(names);
  return ran;
}

int main(int argc, char **argv) {
  int ran = 0;
  for (int i = 1; i < argc; i++) ran += run_path(argv[i]);
  printf("%d inputs\n", ran);
  return ran ? 0 : 1;
}
