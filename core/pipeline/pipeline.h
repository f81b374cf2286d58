/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * pipeline: cut a run of layers into stages on submeshes. Here the bare stage problem: it knows layers, devices and the
 * cost of each possible stage, and has never heard of models.
 */
#ifndef SC_PIPELINE_H
#define SC_PIPELINE_H

#include "base/base.h"

/* X(id, name, help) */
#define SC_OBJECTIVE_MAP(X)                                                                                            \
    X(PIPELINE, "pipeline", "sum of stage times + (microbatches - 1) x the longest: one iteration of 1F1B")            \
    X(SUM, "sum", "sum of stage times: the textbook dp[i][j]")                                                         \
    X(THROUGHPUT, "throughput", "the longest stage time: what bounds a stream of requests")
enum sc_objective {
#define X(id, name, help) SC_OBJECTIVE_##id,
    SC_OBJECTIVE_MAP(X)
#undef X
        SC_OBJECTIVE_COUNT
};
const char *sc_objective_name(enum sc_objective objective);
bool sc_objective_find(const char *name, enum sc_objective *out);

/* Layers first … last as one stage on a submesh cost seconds; allowed when min_successors to max_successors stages
 * follow. Beside, tensors from the stage before and to the one behind keep its devices busy: in_s and out_s, [0] when
 * that neighbour ends, or begins, on the same host, [1] when a host begins there. */
struct sc_stage_option {
    int first, last, submesh, min_successors, max_successors;
    double seconds, in_s[2], out_s[2];
};

/* Every layer is in one stage, stages are runs of layers in order, and exactly all devices are used. With hosts, stages
 * take devices in order: a stage of less than a host lies within one, a larger one is whole hosts. */
struct sc_stage_problem {
    char *name;
    int layers, devices, submesh_count, microbatches;
    int host_devices; /* devices of a host; 0: devices are all alike */
    int *submeshes; /* devices of each */
    enum sc_objective objective;
    int option_count;
    struct sc_stage_option *options; /* what is not here is impossible */
};
/* The JSON form (README: `stagecut stages FILE`). Free with sc_stage_problem_free. */
enum sc_status sc_stage_problem_load(const char *path, struct sc_stage_problem **out, struct sc_error *err);
enum sc_status sc_stage_problem_parse(const char *file, const char *text, size_t size, struct sc_stage_problem **out,
                                      struct sc_error *err);
void sc_stage_problem_free(struct sc_stage_problem *problem);

enum sc_stage_status { SC_STAGES_OPTIMAL, SC_STAGES_INFEASIBLE, SC_STAGES_TIMEOUT };
struct sc_stage_solution {
    enum sc_stage_status status;
    double latency_s; /* of the objective, by the checker; +inf without a plan */
    double bound_s;   /* no plan is below; equals latency_s when optimal, +inf when infeasible */
    double seconds;   /* solver's time */
    int count;
    int *stages; /* indices of options, first stage first */
};
/* Exact. Among plans of equal latency the one whose first stages end earliest and are on the first submeshes given is
 * taken. SC_OK also when infeasible or timed out; SC_LIMIT when the tables would be too large. */
enum sc_status sc_stage_solve(const struct sc_stage_problem *problem, struct sc_cancel *cancel,
                              struct sc_stage_solution *out, struct sc_error *err);
void sc_stage_solution_free(struct sc_stage_solution *solution);

/* Price a plan from the problem alone; +inf when it breaks a rule. */
double sc_stage_check(const struct sc_stage_problem *problem, int count, const int *stages);

void sc_stage_write_json(const struct sc_stage_problem *problem, const struct sc_stage_solution *solution,
                         struct sc_str *out);

#endif
