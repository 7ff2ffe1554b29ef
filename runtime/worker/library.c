/* SPDX-License-Identifier: Apache-2.0 */
#include "worker/library.h"

#include <dlfcn.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "graph/opt.h"

static int check_writers(const char *path, struct mr_error *err) {
  struct stat st;
  if (stat(path, &st))
    return mr_error_set(err, MR_ERR_NOENT, "operator library %s: %s", path, "no such file");
  bool foreign = st.st_uid != 0 && st.st_uid != geteuid();
  if (!foreign && !(st.st_mode & (S_IWGRP | S_IWOTH))) return MR_OK;
  return mr_error_set(
      err, MR_ERR_PERM,
      "operator library: %s %s; it must be writable by its owner alone, and that be "
      "root or you",
      path, foreign ? "belongs to another user" : "can be written by others");
}

const char *mr_op_unusable(const struct mr_op *op) {
  if (!op->name || !mr_opt_name_valid(op->name, strlen(op->name))) return "it has no valid name";
  if (!op->help) return "it has no help text";
  if (op->kind == MR_OP_SOURCE && (!op->poll || !op->plan)) return "a source needs plan and poll";
  if (op->kind != MR_OP_SOURCE && !op->process && !op->expand)
    return "a step or sink needs process";
  if (op->flags & MR_OP_TIMED && !op->advance) return "a timed operator needs advance";
  const char *why;
  uint32_t idx;
  if (op->opts && !mr_opt_table_valid(op->opts, &why, &idx)) return why;
  return NULL;
}

static int check_library(const char *path, const struct mr_op_library *lib, struct mr_error *err) {
  if (lib->abi != MR_OP_ABI)
    return mr_error_set(err, MR_ERR_DATA, "operator library %s has ABI %u, want %u", path, lib->abi,
                        MR_OP_ABI);
  if (!lib->ops || !lib->ops[0])
    return mr_error_set(err, MR_ERR_DATA, "operator library %s has no operators", path);
  for (const struct mr_op *const *op = lib->ops; *op; op++) {
    if ((*op)->abi != MR_OP_ABI)
      return mr_error_set(err, MR_ERR_DATA, "operator %s of %s has ABI %u, want %u",
                          (*op)->name ? (*op)->name : "?", path, (*op)->abi, MR_OP_ABI);
    const char *why = mr_op_unusable(*op);
    if (why)
      return mr_error_set(err, MR_ERR_DATA, "operator %s of %s cannot be used: %s",
                          (*op)->name ? (*op)->name : "?", path, why);
  }
  return MR_OK;
}

int mr_op_library_load(const char *path, const struct mr_op_library **lib, struct mr_error *err) {
  char file[PATH_MAX], folder[PATH_MAX];
  if (!realpath(path, file))
    return mr_error_set(err, MR_ERR_NOENT, "operator library %s: no such file", path);
  memcpy(folder, file, sizeof folder);
  char *slash = strrchr(folder, '/');
  slash[slash == folder] = 0;
  int rc = check_writers(file, err);
  if (!rc) rc = check_writers(folder, err);
  if (rc) return rc;
  void *handle = dlopen(file, RTLD_NOW | RTLD_LOCAL);
  if (!handle) return mr_error_set(err, MR_ERR_DATA, "operator library: %s", dlerror());
  const struct mr_op_library *found = dlsym(handle, "mr_op_library");
  rc = found ? check_library(file, found, err)
             : mr_error_set(err, MR_ERR_DATA,
                            "operator library %s exports no mr_op_library (MR_OP_LIBRARY makes it)",
                            file);
  if (rc) {
    dlclose(handle);
    return rc;
  }
  *lib = found;
  return MR_OK;
}
