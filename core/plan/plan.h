/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * plan: from settings to a proven plan, and what a person does with it. Settings are what the command line, the
 * explorer and a session file say alike; the planner turns them into a plan and keeps what a later request can use
 * again; a plan can be explained, written, read, re-priced and compared; a session is a log of commands over settings.
 */
#ifndef SC_PLAN_H
#define SC_PLAN_H

#include "cost/cost.h"
#include "pipeline/pipeline.h"
#include "solve/solve.h"

/* ---- settings -------------------------------------------------------------------------------------- */

enum { SC_MOST_STAGES = 4096 };

/* A list of texts; owned by its settings. */
struct sc_texts {
    int count;
    char **at;
};

/* Everything that decides a plan, as a person says it. Text fields are owned; empty or 0 means the default. */
struct sc_settings {
    char *model, *cluster, *mesh; /* file; file or preset; "2x4" or "" (try all) */
    int64_t devices, batch, sequence;
    int64_t microbatches; /* -1: as many as are best */
    enum sc_mode mode;
    struct sc_texts sets;         /* "NAME=VALUE" */
    double memory_gib;
    bool has_precision;
    enum sc_dtype precision;
    enum sc_remat remat;
    enum sc_solver solver;
    double time_limit, gap;
    char *method;                 /* a parallel method as a set of pins (sc_method_at); pins win over it */
    struct sc_texts pins;         /* "GLOB=STRATEGY", later ones win */
    enum sc_objective objective;
    enum sc_schedule schedule;
    int64_t chunks;                 /* of layers a stage, when interleaved; 0: 2 */
    int64_t stages_min, stages_max; /* pipeline stages; 0 and 0: one, the whole model; 1 to SC_MOST_STAGES: any number */
    int64_t layers;                 /* layers that the model is clustered into; 0: its own; -1: every op that computes */
    struct sc_texts cuts, no_cuts;  /* layers (names or numbers) at which a stage begins, or does not */
    struct sc_texts stage_meshes;   /* "STAGE=HxD" or "STAGE=HxD:RxC" */
    char *submeshes;                /* that stages may have: "alpa", "powers", "all", "HxD,HxD"; "": alpa, of many hosts powers */
    char *formulas;               /* "" : the cluster's own, or native */
    enum sc_uneven uneven;
    bool no_reduce_scatter, no_shard_state, no_compute;
    int64_t max_axes;             /* of logical meshes that are tried; default 2 */
    char *plan, *out;
    bool quiet, json;
};
void sc_settings_init(struct sc_settings *settings);
void sc_settings_free(struct sc_settings *settings); /* what it owns; leaves the defaults */
bool sc_settings_copy(struct sc_settings *to, const struct sc_settings *from); /* false: out of memory, nothing to free */
bool sc_settings_set_model(struct sc_settings *settings, const char *path); /* false: out of memory */
uint64_t sc_settings_hash(const struct sc_settings *settings); /* of what decides a plan */

/* The options of every command, in one table: --NAME on the command line, `set NAME VALUE` in a session. */
struct sc_option {
    const char *name, *argument, *help; /* argument NULL: a flag ("on"/"off" in `set`) */
    bool repeats;                       /* appends */
    bool saved;                         /* decides the plan: part of a session; others are of one run */
    enum sc_status (*set)(struct sc_settings *settings, const char *value, struct sc_error *err);
    void (*get)(const struct sc_settings *settings, struct sc_str *out); /* the value as text; "" for the default */
    const char *choices;                /* "train|prefill|decode", for completion; NULL: free text */
};
const struct sc_option *sc_option_find(const char *name);
const struct sc_option *sc_option_at(size_t index); /* NULL past the end */
/* `value` NULL for a flag that is given. An unknown name is refused with the nearest. */
enum sc_status sc_settings_set(struct sc_settings *settings, const char *name, const char *value,
                               struct sc_error *err);

/* Parallel methods by name: "data", "zero-2" … NULL past the end. */
const char *sc_method_at(size_t index, const char **help);

/* ---- planning -------------------------------------------------------------------------------------- */

enum sc_pin_state { SC_PIN_OBEYED, SC_PIN_NO_OP, SC_PIN_NO_STRATEGY, SC_PIN_CONFLICT, SC_PIN_OVERRIDDEN };
const char *sc_pin_state_name(enum sc_pin_state state); /* "obeyed", "matches no op", … */

struct sc_pin_status {
    const char *glob, *strategy;
    enum sc_pin_state state;
    int ops;              /* ops that the glob matches and that have the strategy */
    const char *example;  /* NO_STRATEGY: an op that has no such strategy; else NULL */
};

/* Seconds of an iteration by what they are spent on. They sum to the objective. */
struct sc_parts {
    double compute, optimizer, all_reduce, reduce_scatter, all_gather, all_to_all, permute; /* of ops and gradients */
    double resharding;                                                                      /* layout changes */
    double cross_mesh, bubble;
    double terms; /* all cost terms together; `term` has each */
};

/* A pipeline stage of a plan: a run of layers on a submesh, with a plan of its own. */
struct sc_plan_stage {
    int first_layer, last_layer;
    int hosts, devices;        /* of the submesh; devices of each host */
    int first_device;          /* of the cluster, hosts after each other */
    int in_flight;             /* microbatches whose activations it holds, times the plan's chunks */
    const struct sc_plan *plan; /* of these layers alone, for all microbatches; its costs are those of the stage */
    struct sc_transfer transfer; /* with the neighbours, a microbatch */
    double microbatch_s;       /* forward, backward and transfers of a microbatch */
    double once_s;             /* once an iteration */
    double stage_s;            /* what the objective counts: microbatch_s + once_s / microbatches */
};

/* A plan: immutable, shared by reference count. With several stages, `costs`, `choice` and what belongs to them are of
 * the first; sc_plan_of_op leads to the others. */
struct sc_plan {
    int stage_count; /* at least 1 when there is a plan */
    int chunks;      /* of layers a stage, which come round in turn; 1 unless the schedule is interleaved */
    const struct sc_plan_stage *stages;
    struct sc_settings settings; /* as asked */
    const struct sc_graph *graph;
    const struct sc_cluster *cluster;
    const struct sc_costs *costs;     /* holds the mesh and the strategies */
    uint64_t revision;                /* of the session that asked; 0 outside one */
    bool given;                       /* its strategies were given, not chosen: bound and gap are of no other plan */
    enum sc_solve_status status;
    const int *choice;                /* a node of costs; NULL when there is no plan */
    double objective_s, bound_s, gap, solve_s, total_s;
    double iteration_s;               /* = objective_s on one stage */
    double flops_per_device;          /* FLOP/s reached a device: model FLOPs (with backward and, as counted by Alpa, recomputation) over time */
    struct sc_parts parts;
    const double *term_s;             /* a term of costs->options.terms */
    struct sc_memory memory;          /* a device, summed over nodes; working is the largest */
    double peak_bytes;                /* largest usage over time, from the checker */
    /* Δ of every choice of every node: objective were it forced, minus objective. `exact[node]` tells whether it is
     * exact; else a proven lower bound, which is below 0 when a better plan is not excluded. NULL when not computed. */
    double *const *delta;
    const bool *delta_exact;
    int pin_count;
    const struct sc_pin_status *pins;
    const bool *pinned;               /* an op */
    /* INFEASIBLE: a smallest set of constraints that cannot hold together, in words ("pin …", "memory 16 GiB"). */
    int conflict_count;
    const char *const *conflicts;
    int warning_count;
    const char *const *warnings;
    const struct sc_solution *solution;
};
void sc_plan_free(struct sc_plan *plan);
struct sc_plan *sc_plan_share(const struct sc_plan *plan);

/* The sc_problem of cost tables; node i of one is node i of the other. Pins are not in it. */
enum sc_status sc_plan_problem(const struct sc_costs *costs, struct sc_problem **out, struct sc_error *err);

/* Where models and clusters come from: importers (or a test) stand behind it, so that planning knows no file format.
 * Functions return new references. */
struct sc_loader {
    void *user;
    enum sc_status (*model)(void *user, const struct sc_settings *settings, struct sc_graph **out,
                            struct sc_error *err);
    enum sc_status (*cluster)(void *user, const struct sc_settings *settings, struct sc_cluster **out,
                              enum sc_formulas *formulas, struct sc_error *err);
};

/* Loads what settings name and plans. Keeps models, clusters, cost tables, problems and the last plan of each mesh for
 * later requests. Used by one thread at a time. The loader is borrowed and outlives the planner. */
struct sc_planner;
struct sc_planner *sc_planner_new(const struct sc_loader *loader); /* import: sc_import_loader */
void sc_planner_free(struct sc_planner *planner);
struct sc_plan_request {
    const struct sc_settings *settings;
    const struct sc_texts *fixed; /* "OP=STRATEGY" for whole names: a plan to be priced; pins win over them; NULL: none */
    uint64_t revision;
    bool deltas;                 /* also Δ of every choice */
    bool no_conflicts;           /* stages: when there is no plan, do not look for the constraints in conflict */
    uint64_t work_limit;         /* work units for each mesh and rematerialisation that is tried; 0: no limit */
    struct sc_cancel *cancel;
    struct sc_progress *progress;
};
/* SC_OK with a plan, also when infeasible or timed out without one (see plan->status). */
enum sc_status sc_planner_make(struct sc_planner *planner, const struct sc_plan_request *request,
                               struct sc_plan **out, struct sc_error *err);
/* Just the graph and cluster: for the first paint. */
enum sc_status sc_planner_load(struct sc_planner *planner, const struct sc_settings *settings,
                               struct sc_graph **graph, struct sc_cluster **cluster, struct sc_error *err);

/* The plan of the stage that has the op: the plan itself when it has one stage. */
const struct sc_plan *sc_plan_of_op(const struct sc_plan *plan, int op);
int sc_plan_stage_of_op(const struct sc_plan *plan, int op);

/* What a change would cost, before it is made. */
struct sc_what_if {
    const char *line;    /* commands of a session, as of sc_session_apply; no undo, no redo */
    uint64_t work_limit; /* as in a request */
};
struct sc_what_if_answer {
    double delta_s; /* objective of the plan that is found then, less that of `plan`; +inf: none; NAN: none in time */
    bool exact;     /* both are proven to be best; else the difference may be less */
};
/* Runs the line on a copy of the plan's settings and plans those. `reasons` (NULL: do not look) gets the constraints in
 * conflict when there is no plan; that takes some seconds. Errors: those of the line and of sc_planner_make. */
enum sc_status sc_planner_what_if(struct sc_planner *planner, const struct sc_plan *plan,
                                  const struct sc_what_if *question, struct sc_cancel *cancel,
                                  struct sc_what_if_answer *out, struct sc_str *reasons, struct sc_error *err);

/* ---- reading a plan -------------------------------------------------------------------------------- */

/* Items of an op in a plan: its node, and the edges that end at it (`incoming`) or begin at it through a fan-out. */
struct sc_op_cost {
    double compute_s, collective_s, resharding_s, term_s, total_s; /* an iteration */
    struct sc_memory memory;
};
struct sc_op_cost sc_plan_op_cost(const struct sc_plan *plan, int op);
/* The parts of the objective in the order in which people read them, then each cost term: its words and its seconds.
 * False past the end. The words are the plan's. */
bool sc_plan_part(const struct sc_plan *plan, size_t index, const char **words, double *seconds);
/* Are two ops of one class, in one stage, with one strategy? */
bool sc_plan_same_strategy(const struct sc_plan *plan, int a, int b);
/* The strategy of an op as text; "" without a plan. */
void sc_plan_op_strategy(const struct sc_plan *plan, int op, char *out, size_t size);

/* One candidate of an op, for the candidates view and `explain`. */
struct sc_candidate {
    int choice;
    char strategy[64];
    bool chosen, pinned, exact;
    double delta_s;   /* of the whole objective; +inf: impossible; -inf: not known */
    double compute_s, collective_s, term_s, memory_bytes; /* of the op itself, an iteration */
};
/* What the objective changes by when the op's stage takes `delta` seconds an iteration more and the other stages stay as
 * they are; with one stage, `delta` itself. */
double sc_plan_stage_delta(const struct sc_plan *plan, int op, double delta);
/* All candidates, best Δ first. With several stages cuts and meshes stay as they are in Δ, and the op's stage is best
 * again: sc_planner_what_if tells what moving the cuts would save. Caller frees with sc_free. */
enum sc_status sc_plan_candidates(const struct sc_plan *plan, int op, struct sc_candidate **out, int *count,
                                  struct sc_error *err);
/* Make the Δ of one node exact, by solving with each choice forced where it is only a bound; a pin of the node itself
 * gives way. Writes choices-many values (+inf: impossible; negative: better than the pin). */
enum sc_status sc_plan_exact_delta(const struct sc_plan *plan, int node, double *delta, bool *exact,
                                   struct sc_cancel *cancel, struct sc_error *err);
/* Put refined Δ (by choice, from sc_plan_exact_delta) into candidates and sort them again. */
void sc_plan_candidates_refine(const struct sc_plan *plan, int op, struct sc_candidate *candidates, int count,
                               const double *delta, const bool *exact);
/* Why the op is sharded as it is, against its best alternative (or `choice` when >= 0): what it pays and saves, and
 * where. Sentences, one a line. Solves the alternative: tens of milliseconds, so not on the interface thread; when it is
 * cancelled, the text says so. */
enum sc_status sc_plan_why(const struct sc_plan *plan, int op, int choice, struct sc_cancel *cancel,
                           struct sc_str *out, struct sc_error *err);

/* Microbatches whose activations a stage holds; a fraction when interleaved. */
double sc_plan_stage_held(const struct sc_plan_stage *stage);
/* What a device of the stage holds when it holds most, by part, so that the parts add up to plan->peak_bytes: activations
 * are those of all microbatches in flight, `working` is what else is held for an op or a layer at that moment. */
struct sc_memory sc_plan_stage_memory(const struct sc_plan_stage *stage);

/* A plan as sc_timeline_simulate reads it: an entry a stage, with the schedule that is to be simulated (the plan's own is
 * settings.schedule) and `chunks` of layers a stage (1 unless interleaved). What a stage receives is counted with the
 * pass that waits for it; so, for its own schedule, sc_schedule_latency is the plan's iteration under the objective
 * "pipeline". Interleaved chunks are taken to be equal parts of the plan's stages, and a tensor on the way back to the
 * first stage to take as long as at the other ends of both. Without training there are no backwards, whatever the schedule. out->stages is the
 * caller's to free with sc_free. SC_USAGE for a plan without choices, SC_NO_MEMORY. */
enum sc_status sc_plan_schedule_input(const struct sc_plan *plan, enum sc_schedule schedule, int chunks,
                                      struct sc_schedule_input *out, struct sc_error *err);

/* JSON (`solve --json`, `--out`, `explain --json`) and text for people. */
enum sc_status sc_plan_write_json(const struct sc_plan *plan, struct sc_str *out, struct sc_error *err);
enum sc_status sc_plan_write_text(const struct sc_plan *plan, bool all_ops, struct sc_str *out, struct sc_error *err);
enum sc_status sc_plan_explain(const struct sc_plan *plan, int op, bool json, struct sc_cancel *cancel,
                               struct sc_str *out, struct sc_error *err);

/* A plan file: its settings and the strategy of every op, to price, compare and start from. */
struct sc_plan_file;
enum sc_status sc_plan_file_load(const char *path, struct sc_plan_file **out, struct sc_error *err);
void sc_plan_file_free(struct sc_plan_file *file);
const struct sc_settings *sc_plan_file_settings(const struct sc_plan_file *file);
double sc_plan_file_objective(const struct sc_plan_file *file); /* as the file says; NAN when it does not */
/* Price the file's strategies under `settings` (its own, changed by options): a plan whose ops are all fixed. */
enum sc_status sc_plan_file_price(struct sc_planner *planner, const struct sc_plan_file *file,
                                  const struct sc_settings *settings, struct sc_plan **out, struct sc_error *err);
/* What differs: objective by part, ops, settings. */
enum sc_status sc_plan_diff(const struct sc_plan *a, const struct sc_plan *b, bool json, struct sc_str *out,
                            struct sc_error *err);

/* ---- session --------------------------------------------------------------------------------------- */

/* What changes a session: X(name, arguments, help). Everything here can be undone and is saved. */
struct sc_verb {
    const char *name, *arguments, *help;
};
const struct sc_verb *sc_session_verb_at(size_t index); /* NULL past the end: pin, unpin, set, reset, … */

struct sc_session;
enum sc_status sc_session_new(const struct sc_settings *settings, struct sc_session **out, struct sc_error *err);
void sc_session_free(struct sc_session *session);
/* The only function that changes a session, by a line: one command, or several separated by ";" as one step.
 *   pin GLOB STRATEGY   the ops that GLOB matches; later pins win; an earlier pin of the same glob goes. STRATEGY is the
 *                       rest of the command; "free" takes the ops back from earlier pins
 *   unpin GLOB          afterwards no op that GLOB matches is pinned, and all others are as before: pins within GLOB go,
 *                       and where a wider one remains, "GLOB=free" follows it. SC_NOT_FOUND when no pin can be meant
 *   clear               all pins go
 *   cut LAYER           a stage begins at the layer (a name or a number); it is no longer forbidden there
 *   nocut LAYER         no stage begins there; a cut that was asked for there goes
 *   uncut LAYER         neither; SC_NOT_FOUND when nothing was said about it in these words
 *   stage N HxD[:RxC]   stage N has this submesh, and this logical mesh; "free" takes that back
 *   set NAME VALUE      an option that is saved; VALUE is the rest of the command, a flag needs none
 *   reset NAME          the option's default
 *   undo [N], redo [N]  alone on the line; N more than there are: all
 * An argument that begins with " ends at the next "; \" and \\ in between stand for " and \. A line that changes nothing
 * is SC_OK and no step. On failure (SC_USAGE, SC_NOT_FOUND, SC_LIMIT, SC_NO_MEMORY) nothing changed. */
enum sc_status sc_session_apply(struct sc_session *session, const char *command, struct sc_error *err);
/* Run such a line on settings, without a session: undo and redo are refused (SC_USAGE). On failure nothing changed. */
enum sc_status sc_settings_apply(struct sc_settings *settings, const char *line, struct sc_error *err);
/* The GLOB that matches the op of this name and no other, as an argument of a command. */
void sc_session_put_op(struct sc_str *out, const char *name);
const struct sc_settings *sc_session_settings(const struct sc_session *session);
uint64_t sc_session_revision(const struct sc_session *session); /* grows with every change, undo included */
uint64_t sc_session_hash(const struct sc_session *session);     /* of the state: undo restores it */
bool sc_session_dirty(const struct sc_session *session);        /* changed since new, load or save */
int sc_session_undo_depth(const struct sc_session *session);
int sc_session_redo_depth(const struct sc_session *session);
const char *sc_session_undo_text(const struct sc_session *session); /* command that undo takes back, or NULL */
/* The session file (samples/schema/session.schema.json): the log of commands over the settings it began with. Loading runs
 * the log again. SC_INPUT with file, line and path for a file that is no session or whose log does not run. */
enum sc_status sc_session_save(struct sc_session *session, const char *path, struct sc_error *err);
enum sc_status sc_session_load(const char *path, struct sc_session **out, struct sc_error *err);

#endif
