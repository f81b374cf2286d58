/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * pipeline: cut a run of layers into stages on submeshes. Here the bare stage problem: it knows layers, devices and the
 * cost of each possible stage, and has never heard of models.
 */
#ifndef SC_PIPELINE_H
#define SC_PIPELINE_H

#include "cost/cost.h"
#include "solve/solve.h"

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
    int stages_min, stages_max; /* 0: any number */
    /* Known before: some plan costs no more than `most`; in every plan a stage takes longer than `pace` (0 and 0:
     * nothing is known). They save time, and so does a guess of the longest stage of the best plan, `hint` (0: none). */
    double most, pace, hint;
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
    double pace;      /* in every plan a stage takes longer than this */
    double longest_s; /* of the plan's stages */
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

/* ---- runs of layers as stages ----------------------------------------------------------------------- */

/* What every run of layers costs as a stage on one mesh, from below: exact but for the limit of memory, which enters by
 * a price. `whole` are costs of the whole model that can be cut, `problem` is theirs (a node each), with pins. Both are
 * borrowed while the ranges live. Layers that are equal, pins included, are eliminated once; a run grows layer by layer
 * over the layouts of the tensors that leave it. */
struct sc_ranges;
enum sc_status sc_ranges_new(const struct sc_costs *whole, const struct sc_problem *problem, struct sc_cancel *cancel,
                             struct sc_ranges **out, struct sc_error *err);
void sc_ranges_free(struct sc_ranges *ranges);
/* value[first * layers + last]: the least objective (microbatches × seconds a microbatch + seconds once) of these layers
 * as a stage, when a byte held throughout costs `price` seconds and so many microbatches are in flight; less what all the
 * memory that there is would cost. So no plan of the stage within the limit, with so many in flight or more, costs less.
 * +inf: impossible (forbidden by pins, or more memory than there is). */
enum sc_status sc_ranges_sweep(struct sc_ranges *ranges, double price, int in_flight, double *value,
                               struct sc_error *err);
/* Equal numbers: the runs have equal problems as stages, so what is known of one holds for the other, also of another
 * sc_ranges on the same costs. */
uint64_t sc_ranges_key(const struct sc_ranges *ranges, int first, int last);
/* Was any run bounded more loosely, because too many tensors pass at once? */
bool sc_ranges_loose(const struct sc_ranges *ranges);

/* ---- schedules -------------------------------------------------------------------------------------- */

/* Schedules know stages by numbers only. A stage works on `chunks` parts of its layers in turn (interleaved), or on
 * one. X(id, name, help) */
#define SC_SCHEDULE_MAP(X)                                                                                             \
    X(1F1B, "1f1b", "one forward, one backward: stage i of S holds at most S - i microbatches")                        \
    X(GPIPE, "gpipe", "all forwards, then all backwards: every stage holds all microbatches")                          \
    X(INTERLEAVED, "interleaved", "1F1B over several chunks of layers a stage: less bubble, more sends and memory")
enum sc_schedule {
#define X(id, name, help) SC_SCHEDULE_##id,
    SC_SCHEDULE_MAP(X)
#undef X
        SC_SCHEDULE_COUNT
};
const char *sc_schedule_name(enum sc_schedule schedule); /* "1f1b"; static */
const char *sc_schedule_help(enum sc_schedule schedule);
bool sc_schedule_find(const char *name, enum sc_schedule *out);

/* Seconds and bytes of a stage on one of its devices. Times of a microbatch are through all of the stage's chunks; a
 * send is of one microbatch over one boundary. A stage is busy while it sends. The last stage sends activations, and
 * the first gradients, only when interleaved (the first stage's next chunk is behind the last stage); else theirs are
 * not read. */
struct sc_schedule_stage {
    double forward_s, backward_s; /* of a microbatch; recomputation is backward */
    double once_s;                /* after the last backward: gradient synchronisation, optimizer */
    double send_forward_s, send_backward_s;
    double static_bytes, activation_bytes; /* held throughout; by a microbatch from its forward to its backward */
    double working_bytes;                  /* beside, while it computes */
};
struct sc_schedule_input {
    enum sc_schedule schedule;
    int stage_count, microbatches;
    int chunks;                             /* of layers, a stage; 1 unless interleaved */
    const struct sc_schedule_stage *stages; /* stage_count */
};
/* Can it be scheduled? SC_INPUT when a count is below 1, chunks do not fit the schedule, or interleaved microbatches
 * are no multiple of the stages (Megatron-LM's rule: arXiv 2104.04473, section 2.2); SC_LIMIT when the instructions
 * would be too many. Everything below wants a shape that passes. */
enum sc_status sc_schedule_check(enum sc_schedule schedule, int stages, int microbatches, int chunks,
                                 struct sc_error *err);
/* The most microbatches whose activations stage `stage` holds: min(S - i, B), all B, or, interleaved, the warm-up of
 * Megatron-LM and one more, in chunks: min(2 (S - i - 1) + (v - 1) S + 1, B v) / v. */
double sc_schedule_in_flight(enum sc_schedule schedule, int stages, int microbatches, int chunks, int stage);
/* Seconds of an iteration by the closed formula, sum of t_i / v + (B - 1 / v) max t_i, where t_i is forward + backward
 * + all sends + once / B of stage i (Alpa, OSDI 2022, equation 2; interleaved: arXiv 2104.04473, section 2.2). */
double sc_schedule_latency(const struct sc_schedule_input *input);

/* X(id, name): what a stage is told to do, and does. */
#define SC_STEP_MAP(X)                                                                                                 \
    X(RECEIVE_FORWARD, "receive_forward")                                                                              \
    X(FORWARD, "forward")                                                                                              \
    X(SEND_FORWARD, "send_forward")                                                                                    \
    X(RECEIVE_BACKWARD, "receive_backward")                                                                            \
    X(BACKWARD, "backward")                                                                                            \
    X(SEND_BACKWARD, "send_backward")                                                                                  \
    X(ONCE, "once")
enum sc_step_kind {
#define X(id, name) SC_STEP_##id,
    SC_STEP_MAP(X)
#undef X
        SC_STEP_COUNT
};
const char *sc_step_name(enum sc_step_kind kind); /* "send_forward"; static */

struct sc_instruction {
    enum sc_step_kind kind;
    int microbatch, chunk; /* 0 of ONCE */
};
/* What a stage's devices do, in order: the very list that the simulation runs. The caller frees *out with sc_free.
 * Errors: as sc_schedule_check, SC_NO_MEMORY. */
enum sc_status sc_schedule_instructions(enum sc_schedule schedule, int stages, int microbatches, int chunks, int stage,
                                        struct sc_instruction **out, int *count, struct sc_error *err);
/* "forward 3", with chunks "forward 3 chunk 1", "once"; into `out`. */
void sc_instruction_text(struct sc_instruction instruction, int chunks, char *out, size_t size);

/* A stage is busy with an instruction from begin to end, in seconds. Receiving takes no time of its own. */
struct sc_timeline_event {
    double begin, end;
    int stage;
    struct sc_instruction what;
};
/* From `time` on, until the next step, so much is held. */
struct sc_timeline_step {
    double time, bytes, in_flight; /* in_flight: microbatches, with chunks in parts */
};
struct sc_timeline_stage {
    int event_count, step_count;
    const struct sc_timeline_event *events; /* in order of time; sends and once of no time are left out */
    const struct sc_timeline_step *steps;   /* in order of time, the first at 0 */
    double busy_s, peak_bytes, peak_in_flight;
};
/* An iteration, event by event. Immutable; owns all it points to. */
struct sc_timeline {
    struct sc_schedule_input input; /* a copy */
    const struct sc_timeline_stage *stages;
    double iteration_s; /* until the last stage ends */
    double formula_s;   /* sc_schedule_latency */
    double bubble;      /* idle part of stages x iteration, from 0 to 1 */
};
/* Each stage runs its instructions in order: one begins when the stage is free and its input has arrived, and an input
 * has arrived when its send has ended. Work in proportion to stages x microbatches x chunks. SC_INPUT for a time or
 * size that is negative or not finite, SC_LIMIT, SC_CANCELLED, SC_NO_MEMORY; SC_INTERNAL should stages wait for each
 * other. Free with sc_timeline_free. */
enum sc_status sc_timeline_simulate(const struct sc_schedule_input *input, struct sc_cancel *cancel,
                                    struct sc_timeline **out, struct sc_error *err);
void sc_timeline_free(struct sc_timeline *timeline);

/* What a stage does at a time. Pointers are the timeline's. */
struct sc_timeline_state {
    const struct sc_timeline_event *now;  /* NULL: idle */
    const struct sc_timeline_event *next; /* what it begins next; NULL: nothing any more */
    int waits_for;                        /* idle: the stage whose send it waits for; -1: none */
    double bytes, in_flight;
};
struct sc_timeline_state sc_timeline_state(const struct sc_timeline *timeline, double time, int stage);
/* The next, or the previous, time at which any event begins or ends; +inf, or -inf, when there is none. */
double sc_timeline_next(const struct sc_timeline *timeline, double time);
double sc_timeline_previous(const struct sc_timeline *timeline, double time);
/* Why the simulation differs from the formula, a sentence a line: first by how much, then what each cause (unequal
 * stages, sends, work once an iteration) adds, found by simulating without it. Causes of less than 0.01 % are left out;
 * all causes add up to the difference. Nothing is added when they agree within 0.1 %. Errors as of
 * sc_timeline_simulate. */
enum sc_status sc_timeline_explain(const struct sc_timeline *timeline, struct sc_cancel *cancel, struct sc_str *out,
                                   struct sc_error *err);

/* ---- layers ----------------------------------------------------------------------------------------- */

/* Cut a line of ops into exactly so many layers, none empty (Alpa, OSDI 2022, section 5.2). flops: of each op;
 * cut_bytes[i]: what passes between op i and op i + 1 (op_count - 1 numbers). No layer has more than (1 + tolerance) x
 * the mean FLOPs of a layer. Of all such cuts the one with the least largest traffic; of those the least sum of
 * traffic; of those the least variance of FLOPs. first_op (layers numbers) gets the first op of each layer. Exact; at
 * worst of the order of op_count^2 steps. SC_INPUT for numbers that are negative or not finite, or more layers than
 * ops; SC_INFEASIBLE when the tolerance is too small, with one that would do; SC_LIMIT when the tables would be too
 * large; SC_CANCELLED, SC_NO_MEMORY. */
enum sc_status sc_cluster_layers(int op_count, const double *flops, const double *cut_bytes, int layers,
                                 double tolerance, struct sc_cancel *cancel, int *first_op, struct sc_error *err);
/* The graph in so many layers, "part.0" …, clustered by forward FLOPs and the bytes of results that pass; inputs and
 * parameters go with their first readers and are not counted. layers 0: every op that computes is its own layer, named
 * like it. The caller frees *out with sc_graph_free. Errors: as sc_cluster_layers. */
enum sc_status sc_cluster_graph(const struct sc_graph *graph, int layers, double tolerance, struct sc_cancel *cancel,
                                struct sc_graph **out, struct sc_error *err);

#endif
