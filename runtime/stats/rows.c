/* SPDX-License-Identifier: Apache-2.0 */
#include "stats/rows_private.h"

/* Every published field, in the order of its row's id. Append only: an id is never reused. */

#define FIELD(table, type, field, kind, unit)                                                      \
  {                                                                                                \
    table, MR_STAT_KIND_##kind, MR_STAT_UNIT_##unit, (uint32_t)offsetof(struct type, field),       \
        (uint32_t)sizeof((((struct type *)0)->field)), #field                                      \
  }
#define NODE(field, kind, unit)      FIELD(MR_STAT_NODES, mr_node_stat, field, kind, unit)
#define WORKER(field, kind, unit)    FIELD(MR_STAT_WORKERS, mr_worker_stat, field, kind, unit)
#define LINK(field, kind, unit)      FIELD(MR_STAT_LINKS, mr_link_stat, field, kind, unit)
#define PATH(field, kind, unit)      FIELD(MR_STAT_PATHS, mr_path_stat, field, kind, unit)
#define PARTITION(field, kind, unit) FIELD(MR_STAT_PARTITIONS, mr_partition_stat, field, kind, unit)
#define ERROR(field, kind, unit)     FIELD(MR_STAT_ERRORS, mr_error_stat, field, kind, unit)
#define PART(field, kind, unit)      FIELD(MR_STAT_PARTS, mr_part_stat, field, kind, unit)
#define COUNTER(field, kind, unit)   FIELD(MR_STAT_COUNTERS, mr_counter_stat, field, kind, unit)

const struct mr_stat_field mr_stat_fields[] = {
    NODE(name, TEXT, NONE),
    NODE(type, TEXT, NONE),
    NODE(instance, NUMBER, INDEX),
    NODE(worker, NUMBER, INDEX),
    NODE(kind, NUMBER, NONE),
    NODE(flags, NUMBER, NONE),
    NODE(input, NUMBER, INDEX),
    NODE(rows_in, COUNTER, ROWS),
    NODE(rows_out, COUNTER, ROWS),
    NODE(absorbed, COUNTER, ROWS),
    NODE(filtered, COUNTER, ROWS),
    NODE(late, COUNTER, ROWS),
    NODE(late_partial, COUNTER, ROWS),
    NODE(future, COUNTER, ROWS),
    NODE(dropped, COUNTER, ROWS),
    NODE(dead_letters, COUNTER, ROWS),
    NODE(bytes_in, COUNTER, BYTES),
    NODE(bytes_out, COUNTER, BYTES),
    NODE(nan_null, COUNTER, TIMES),
    NODE(busy_ns, COUNTER, NS),
    NODE(blocked_ns, COUNTER, NS),
    NODE(idle_ns, COUNTER, NS),
    NODE(watermark_us, GAUGE, US_EPOCH),
    NODE(state_keys, GAUGE, KEYS),
    NODE(state_bytes, GAUGE, BYTES),
    NODE(cycle_max_ns, GAUGE, NS),
    NODE(cycle_over, COUNTER, TIMES),
    NODE(input_bytes, COUNTER, BYTES),
    NODE(input_bytes_total, GAUGE, BYTES),
    NODE(service_ns, HIST, NS),
    WORKER(cpu, GAUGE, INDEX),
    WORKER(tid, GAUGE, NONE),
    WORKER(busy_ns, COUNTER, NS),
    WORKER(blocked_ns, COUNTER, NS),
    WORKER(idle_ns, COUNTER, NS),
    WORKER(housekeeping_ns, COUNTER, NS),
    WORKER(loops, COUNTER, TIMES),
    WORKER(gap_max_ns, GAUGE, NS),
    WORKER(waits, COUNTER, TIMES),
    WORKER(gap_ns, HIST, NS),
    LINK(from, NUMBER, INDEX),
    LINK(to, NUMBER, INDEX),
    LINK(capacity, NUMBER, ITEMS),
    LINK(flags, NUMBER, NONE),
    LINK(items_taken, COUNTER, ITEMS),
    LINK(rows_taken, COUNTER, ROWS),
    LINK(items_sent, COUNTER, ITEMS),
    LINK(rows_sent, COUNTER, ROWS),
    LINK(full, COUNTER, TIMES),
    LINK(depth_peak, GAUGE, ITEMS),
    LINK(wait_ns, HIST, NS),
    PATH(from, NUMBER, INDEX),
    PATH(to, NUMBER, INDEX),
    PATH(latency_ns, HIST, NS),
    PARTITION(node, NUMBER, INDEX),
    PARTITION(idx, NUMBER, INDEX),
    PARTITION(frontier_us, GAUGE, US_EPOCH),
    PARTITION(idle, GAUGE, NONE),
    PARTITION(rows, COUNTER, ROWS),
    ERROR(done, GAUGE, NONE),
    ERROR(count, COUNTER, TIMES),
    ERROR(first_us, GAUGE, US_EPOCH),
    ERROR(last_us, GAUGE, US_EPOCH),
    ERROR(node, GAUGE, INDEX),
    ERROR(hash, GAUGE, NONE),
    ERROR(code, TEXT, NONE),
    ERROR(text, TEXT, NONE),
    ERROR(begun, GAUGE, NONE),
    PART(label, TEXT, NONE),
    PART(bytes, NUMBER, BYTES),
    PART(lazy, NUMBER, NONE),
    PART(cnt, NUMBER, TIMES),
    COUNTER(state, GAUGE, NONE),
    COUNTER(id, NUMBER, INDEX),
    COUNTER(kind, NUMBER, NONE),
    COUNTER(unit, NUMBER, NONE),
    COUNTER(node, NUMBER, INDEX),
    COUNTER(label, TEXT, NONE),
    COUNTER(value, GAUGE, NONE),
    NODE(windows_open, GAUGE, NONE),
    NODE(windows_closed, COUNTER, NONE),
    NODE(next_start_us, GAUGE, US_EPOCH),
    NODE(next_end_us, GAUGE, US_EPOCH),
    NODE(next_keys, GAUGE, KEYS),
    NODE(derived_errors, COUNTER, ROWS),
    PARTITION(last_us, GAUGE, US_EPOCH),
    PARTITION(next, GAUGE, ROWS),
    PARTITION(end, GAUGE, ROWS),
};

const uint32_t mr_stat_field_cnt = sizeof mr_stat_fields / sizeof mr_stat_fields[0];
