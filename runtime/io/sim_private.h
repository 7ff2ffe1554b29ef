/* SPDX-License-Identifier: Apache-2.0 */
#ifndef MR_IO_SIM_PRIVATE_H
#define MR_IO_SIM_PRIVATE_H

/* sim.c carries out requests; sim_disk.c is what they act on, and what a power cut leaves of it. */

#include "base/rng.h"
#include "io/io_private.h"
#include "io/sim.h"

#define MR_SIM_FDS     256u
#define MR_SIM_PENDING 256u

/* A change to a file that no sync has covered: bytes, or with data NULL a length. */
struct mr_sim_change {
  uint64_t off, len;
  const char *data;
  uint64_t number;
  bool lost; /* a sync that should have covered it has failed */
  struct mr_sim_change *next;
};

struct mr_sim_bytes {
  char *data;
  uint64_t len, cap;
};

struct mr_sim_entry {
  const char *name;
  struct mr_sim_node *node;
};

struct mr_sim_names {
  struct mr_sim_entry *entries;
  uint32_t cnt, cap;
};

/* A change to the names of a folder: name leads to node (NULL: nowhere); with from, from leads
 * nowhere any more in the same moment. */
struct mr_sim_naming {
  const char *name, *from;
  struct mr_sim_node *node;
};

struct mr_sim_node {
  bool folder;
  /* of a file */
  struct mr_sim_bytes now, kept;
  struct mr_sim_change *changes, *last; /* oldest first */
  uint64_t allocated;
  const void *owner; /* the descriptor that has it locked, or NULL */
  /* of a folder */
  struct mr_sim_names names, kept_names;
  struct mr_sim_naming *namings;
  uint32_t naming_cnt, naming_cap;
  uint32_t mark; /* of a walk */
};

struct mr_sim_fd {
  struct mr_sim_node *node; /* NULL: closed */
  int flags;
  uint64_t pos;
};

/* A request in flight. */
struct mr_sim_pending {
  struct mr_io *io;
  struct mr_io_req *req;
  uint64_t due, hash;
  uint64_t covers; /* DATASYNC: number of the last change when it was submitted */
};

struct mr_io_sim {
  struct mr_arena arena;
  struct mr_io_sim_conf conf;
  struct mr_rng rng;
  struct mr_sim_node *root;
  struct mr_sim_fd fds[MR_SIM_FDS];
  struct mr_sim_pending pending[MR_SIM_PENDING];
  uint32_t pending_cnt;
  uint64_t polls, requests, stop_at, space, changes;
  uint32_t generation, mark; /* of processes; of walks */
  bool stopped;
};

static inline uint32_t mr_sim_below(struct mr_io_sim *d, uint32_t n) {
  return mr_rng_below(mr_rng_next(&d->rng), n);
}
static inline bool mr_sim_chance(struct mr_io_sim *d, uint32_t per_1000) {
  return per_1000 && mr_sim_below(d, 1000) < per_1000;
}

struct mr_sim_node *mr_sim_make_node(struct mr_io_sim *d, bool folder);
/* The node of a path, or NULL; and its folder and last name, if the folder is there. */
struct mr_sim_node *mr_sim_find(struct mr_io_sim *d, const char *path, struct mr_sim_node **folder,
                                const char **name);
struct mr_sim_node *mr_sim_look_up(const struct mr_sim_node *folder, const char *name, size_t len);
/* name leads to node now (NULL: nowhere), and from, if given, nowhere; not yet for ever. */
void mr_sim_name(struct mr_io_sim *d, struct mr_sim_node *folder, const char *name,
                 const char *from, struct mr_sim_node *node);

/* A file's change: at once for who reads, not yet for ever. data NULL: the length becomes off. */
void mr_sim_change(struct mr_io_sim *d, struct mr_sim_node *file, uint64_t off, const void *data,
                   uint64_t len);
/* All changes up to this number are for ever, but for those that are lost. */
void mr_sim_keep(struct mr_io_sim *d, struct mr_sim_node *file, uint64_t number);
void mr_sim_lose(struct mr_sim_node *file, uint64_t number);
void mr_sim_keep_names(struct mr_io_sim *d, struct mr_sim_node *folder);

/* What a cut leaves, of everything. */
void mr_sim_forget(struct mr_io_sim *d);

#endif
