/* SPDX-License-Identifier: Apache-2.0 */
#ifndef MR_IO_SIM_H
#define MR_IO_SIM_H

/* A simulated disk, for tests: files and folders in memory that forget what was not synced when the
 * power is cut, as real ones may. Everything comes from the seed and happens in the caller's
 * thread, so a run can be had again exactly.
 *
 * What a process reads is what was written. What outlives a power cut is what DATASYNC and SYNC_DIR
 * covered; of all else each write is there whole, in part (any of its sectors of 512 bytes), or not
 * at all, independent of its neighbours; a length may be there without its bytes, which are zeros
 * then; and of the changes to the names in a folder the first few. Requests in flight are treated
 * alike. A DATASYNC covers writes that had finished when it was submitted. After a DATASYNC that
 * failed what it should have covered is lost with the next cut, whatever later ones say.
 *
 * The disk also checks its users: a buffer that changes while it is being written, and a direct
 * request that is not aligned, end the test; a buffer being read into holds garbage until then. */

#include "io/io.h"

#define MR_IO_SIM_SECTOR 512u

/* Chances are per 1,000 single calls. */
struct mr_io_sim_conf {
  uint64_t seed;
  uint64_t space;        /* bytes of all files together; 0: no limit */
  uint32_t delay;        /* polls that a request takes at most; 0: it is done on submission */
  uint32_t read_error;   /* EIO */
  uint32_t write_error;  /* EIO, after a part perhaps */
  uint32_t sync_error;   /* EIO of DATASYNC and SYNC_DIR */
  uint32_t interruption; /* EINTR, EAGAIN: nothing came of the call */
  uint32_t shortness;    /* less than was asked for */
  bool no_direct;        /* refuses O_DIRECT */
};

struct mr_io_sim;

void mr_io_sim_create(struct mr_io_sim **disk, const struct mr_io_sim_conf *conf);
void mr_io_sim_destroy(struct mr_io_sim *disk);

/* Access for one process, until the next kill or cut; any number at a time. */
void mr_io_sim_attach(struct mr_io **io, struct mr_io_sim *disk);

/* The disk does nothing any more from this many submitted requests on: all that is in flight then
 * and comes later fails with EIO without any effect, until the process is killed or the power cut.
 * 0: it goes on. */
void mr_io_sim_stop_after(struct mr_io_sim *disk, uint64_t requests);
bool mr_io_sim_stopped(const struct mr_io_sim *disk);
/* Requests submitted so far. */
uint64_t mr_io_sim_requests(const struct mr_io_sim *disk);

/* The end of all processes: what they had open is closed, what is in flight is written whole, in
 * part or not. Their struct mr_io are dead: they fail every request, and are destroyed as ever. */
void mr_io_sim_kill(struct mr_io_sim *disk);
/* The same, and the disk forgets. */
void mr_io_sim_cut(struct mr_io_sim *disk);

/* Room for this many bytes more from here on. */
void mr_io_sim_space(struct mr_io_sim *disk, uint64_t bytes);
/* Other chances from here on; seed, space and no_direct stay. */
void mr_io_sim_faults(struct mr_io_sim *disk, const struct mr_io_sim_conf *conf);

/* A file as a process would read it, until it changes; NULL: no such file. */
const char *mr_io_sim_get(struct mr_io_sim *disk, const char *path, size_t *len);
/* The names in a folder, as MR_IO_LIST gives them; -errno. */
int64_t mr_io_sim_list(struct mr_io_sim *disk, const char *path, char *buf, uint64_t sz);
/* Changes bytes of a file where they lie, durably: damage. */
void mr_io_sim_flip(struct mr_io_sim *disk, const char *path, uint64_t byte, uint8_t mask);

#endif
