/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * The options of every command, in one table. A setter checks its value and says what would be right; a getter writes
 * a text that the setter reads back to the same value.
 */
#include <stdio.h>
#include <string.h>

#include "plan/internal.h"

static enum sc_status keep_text(char **field, const char *value, struct sc_error *err)
{
    return plan_text_set(field, *value ? value : NULL) ? SC_OK : sc_fail(err, SC_NO_MEMORY, "no memory for a setting");
}

static enum sc_status keep_int(int64_t *field, const char *name, const char *value, int64_t min, int64_t max,
                               struct sc_error *err)
{
    int64_t number;
    if (!sc_parse_int(value, &number) || number < min || number > max)
        return sc_fail(err, SC_USAGE, "--%s '%s': expected a whole number from %lld to %lld", name, value,
                       (long long)min, (long long)max);
    *field = number;
    return SC_OK;
}

static enum sc_status keep_double(double *field, const char *name, const char *value, double min, double max,
                                  const char *unit, struct sc_error *err)
{
    double number;
    if (!sc_parse_double(value, &number) || number < min || number > max)
        return sc_fail(err, SC_USAGE, "--%s '%s': expected a number%s from %g to %g", name, value, unit, min, max);
    *field = number + 0.0; /* no negative zero */
    return SC_OK;
}

/* The index of the word among "a|b|c". */
static enum sc_status keep_choice(int *field, const char *name, const char *value, const char *choices,
                                  struct sc_error *err)
{
    size_t length = strlen(value);
    int index = 0;
    for (const char *word = choices; word; index++) {
        size_t size = strcspn(word, "|");
        if (size == length && strncmp(word, value, size) == 0) {
            *field = index;
            return SC_OK;
        }
        word = word[size] ? word + size + 1 : NULL;
    }
    return sc_fail(err, SC_USAGE, "--%s '%s': expected one of %s", name, value, choices);
}

static void put_choice(int index, const char *choices, struct sc_str *out)
{
    const char *word = choices;
    while (index-- > 0)
        word += strcspn(word, "|") + 1;
    sc_str_addn(out, word, strcspn(word, "|"));
}

static void put_number(double value, struct sc_str *out)
{
    struct sc_json_writer w;
    sc_json_begin(&w, out);
    sc_json_put_number(&w, NULL, value);
}

static void put_text(const char *text, struct sc_str *out)
{
    sc_str_add(out, text ? text : "");
}

static void put_list(const struct sc_texts *list, struct sc_str *out)
{
    for (int i = 0; i < list->count; i++)
        sc_str_addf(out, "%s%s", i ? "\n" : "", list->at[i]);
}

/* Appends, or replaces at[index]. Takes `text` over, which may have failed. */
static enum sc_status keep_item(struct sc_texts *list, int index, struct sc_str *text, const char *name,
                                struct sc_error *err)
{
    bool full = index == list->count && index >= PLAN_TEXTS_MAX;
    bool kept = !text->failed && !full &&
                (index < list->count ? plan_text_set(&list->at[index], sc_str_text(text))
                                     : plan_texts_add(list, sc_str_text(text)));
    sc_str_free(text);
    if (full)
        return sc_fail(err, SC_LIMIT, "--%s: more than %d are not accepted; a glob serves many ops", name,
                       PLAN_TEXTS_MAX);
    return kept ? SC_OK : sc_fail(err, SC_NO_MEMORY, "no memory for a setting");
}

#define SETTER(id) static enum sc_status set_##id(struct sc_settings *s, const char *v, struct sc_error *err)
#define GETTER(id) static void get_##id(const struct sc_settings *s, struct sc_str *out)

#define TEXT_OPTION(id)                                                                                                \
    SETTER(id)                                                                                                         \
    {                                                                                                                  \
        return keep_text(&s->id, v, err);                                                                              \
    }                                                                                                                  \
    GETTER(id)                                                                                                         \
    {                                                                                                                  \
        put_text(s->id, out);                                                                                          \
    }

#define INT_OPTION(id, name, min, max, unset)                                                                          \
    SETTER(id)                                                                                                         \
    {                                                                                                                  \
        return keep_int(&s->id, name, v, min, max, err);                                                               \
    }                                                                                                                  \
    GETTER(id)                                                                                                         \
    {                                                                                                                  \
        if (s->id != (unset))                                                                                          \
            sc_str_addf(out, "%lld", (long long)s->id);                                                                \
    }

#define CHOICE_OPTION(id, type, name, choices)                                                                         \
    SETTER(id)                                                                                                         \
    {                                                                                                                  \
        int index;                                                                                                     \
        enum sc_status status = keep_choice(&index, name, v, choices, err);                                            \
        if (status == SC_OK)                                                                                           \
            s->id = (type)index;                                                                                       \
        return status;                                                                                                 \
    }                                                                                                                  \
    GETTER(id)                                                                                                         \
    {                                                                                                                  \
        if (s->id)                                                                                                     \
            put_choice((int)s->id, choices, out);                                                                      \
    }

/* A flag: no value, or "on" and "off" in a session. */
#define FLAG_OPTION(id, name)                                                                                          \
    SETTER(id)                                                                                                         \
    {                                                                                                                  \
        int on = 1;                                                                                                    \
        enum sc_status status = v ? keep_choice(&on, name, v, FLAGS, err) : SC_OK;                                     \
        if (status == SC_OK)                                                                                           \
            s->id = on;                                                                                                \
        return status;                                                                                                 \
    }                                                                                                                  \
    GETTER(id)                                                                                                         \
    {                                                                                                                  \
        if (s->id)                                                                                                     \
            sc_str_add(out, "on");                                                                                     \
    }

#define MODES        "train|prefill|decode"
#define REMATS       "none|layer|auto"
#define UNEVENS      "refuse|pad|fraction"
#define SOLVERS      "exact|ilp|greedy|brute"
#define FORMULAS     "native|alpa|alpa-playground"
#define OBJECTIVES   "pipeline|sum|throughput"
#define SCHEDULES    "1f1b|gpipe|interleaved"
#define FLAGS        "off|on"
#define PRECISIONS   "fp32|fp16|bf16|fp8"
#define DIGITS       "0123456789"
#define NAME_LETTERS "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz_" DIGITS
#define BLANKS       " \t"

TEXT_OPTION(cluster)
TEXT_OPTION(plan)
TEXT_OPTION(out)
INT_OPTION(devices, "devices", 1, 1 << 20, 0)
INT_OPTION(batch, "batch", 1, 1 << 30, 0)
INT_OPTION(chunks, "chunks", 2, 64, 0)
INT_OPTION(sequence, "seq", 1, 1 << 30, 0)
INT_OPTION(max_axes, "max-axes", 1, SC_MAX_AXES, 2)
CHOICE_OPTION(mode, enum sc_mode, "mode", MODES)
CHOICE_OPTION(remat, enum sc_remat, "remat", REMATS)
CHOICE_OPTION(uneven, enum sc_uneven, "uneven", UNEVENS)
CHOICE_OPTION(solver, enum sc_solver, "solver", SOLVERS)
CHOICE_OPTION(objective, enum sc_objective, "objective", OBJECTIVES)
CHOICE_OPTION(schedule, enum sc_schedule, "schedule", SCHEDULES)
FLAG_OPTION(no_reduce_scatter, "no-reduce-scatter")
FLAG_OPTION(no_shard_state, "no-shard-state")
FLAG_OPTION(no_compute, "no-compute")
FLAG_OPTION(quiet, "quiet")
FLAG_OPTION(json, "json")

SETTER(microbatches)
{
    if (strcmp(v, "auto") != 0)
        return keep_int(&s->microbatches, "microbatches", v, 1, 1 << 20, err);
    s->microbatches = -1;
    return SC_OK;
}
GETTER(microbatches)
{
    if (s->microbatches)
        sc_str_addf(out, s->microbatches < 0 ? "auto" : "%lld", (long long)s->microbatches);
}

SETTER(method)
{
    struct sc_str names = {0};
    const char *name, *help;
    if (!*v || plan_method_exists(v))
        return keep_text(&s->method, v, err);
    for (size_t i = 0; (name = sc_method_at(i, &help)); i++)
        sc_str_addf(&names, "%s%s", i ? ", " : "", name);
    sc_fail(err, SC_USAGE, "--method '%s': expected one of %s", v, sc_str_text(&names));
    sc_str_free(&names);
    return SC_USAGE;
}
GETTER(method)
{
    put_text(s->method, out);
}

SETTER(submeshes)
{
    bool right = !*v || strcmp(v, "alpa") == 0 || strcmp(v, "powers") == 0 || strcmp(v, "all") == 0;
    int hosts, devices, used;
    const char *at = v;
    while (!right && sscanf(at, "%dx%d%n", &hosts, &devices, &used) == 2 && hosts >= 1 && devices >= 1) {
        at += used;
        right = !*at;
        at += *at == ',';
    }
    if (!right)
        return sc_fail(
            err, SC_USAGE,
            "--submeshes '%s': expected alpa (1, 2, 4 ... devices of a host, or whole hosts), powers (of two), "
            "all, or a list of HOSTSxDEVICES like 1x2,1x4",
            v);
    return keep_text(&s->submeshes, v, err);
}
GETTER(submeshes)
{
    put_text(s->submeshes, out);
}

/* Kept without leading zeros, so that one shape has one text. */
SETTER(mesh)
{
    struct sc_axes axes;
    char text[64] = "";
    if (*v && !sc_axes_parse(v, &axes))
        return sc_fail(err, SC_USAGE, "--mesh '%s': expected sizes of one to %d axes, like 8 or 2x4", v, SC_MAX_AXES);
    for (int a = 0; *v && a < axes.count; a++)
        snprintf(text + strlen(text), sizeof text - strlen(text), "%s%d", a ? "x" : "", axes.size[a]);
    return keep_text(&s->mesh, text, err);
}
GETTER(mesh)
{
    put_text(s->mesh, out);
}

SETTER(memory)
{
    return keep_double(&s->memory_gib, "memory", v, 1e-6, 1e6, " of GiB", err);
}
GETTER(memory)
{
    if (s->memory_gib > 0)
        put_number(s->memory_gib, out);
}

SETTER(time_limit)
{
    return keep_double(&s->time_limit, "time-limit", v, 1e-3, 1e7, " of seconds", err);
}
GETTER(time_limit)
{
    if (s->time_limit > 0)
        put_number(s->time_limit, out);
}

SETTER(gap)
{
    return keep_double(&s->gap, "gap", v, 0, 1, "", err);
}
GETTER(gap)
{
    if (s->gap > 0)
        put_number(s->gap, out);
}

SETTER(precision)
{
    int index;
    enum sc_status status = keep_choice(&index, "precision", v, PRECISIONS, err);
    if (status == SC_OK) {
        s->has_precision = true;
        sc_dtype_find(v, &s->precision);
    }
    return status;
}
GETTER(precision)
{
    if (s->has_precision)
        sc_str_add(out, sc_dtype_name(s->precision));
}

SETTER(formulas)
{
    int index;
    enum sc_status status = keep_choice(&index, "formulas", v, FORMULAS, err);
    return status == SC_OK ? keep_text(&s->formulas, v, err) : status;
}
GETTER(formulas)
{
    put_text(s->formulas, out);
}

/* A parameter that was set before is changed in its place. */
SETTER(set)
{
    struct sc_str text = {0};
    const char *equals = strchr(v, '=');
    size_t length = equals ? (size_t)(equals - v) : 0;
    int64_t value;
    int index = 0;
    if (!length || strspn(v, NAME_LETTERS) != length || strchr(DIGITS, *v) || !sc_parse_int(equals + 1, &value))
        return sc_fail(err, SC_USAGE, "--set '%s': expected NAME=VALUE with a whole number, like hidden=1024", v);
    while (index < s->sets.count && strncmp(s->sets.at[index], v, length + 1) != 0)
        index++;
    sc_str_addf(&text, "%.*s=%lld", (int)length, v, (long long)value);
    return keep_item(&s->sets, index, &text, "set", err);
}
GETTER(set)
{
    put_list(&s->sets, out);
}

/* Blanks around the two halves mean nothing. */
SETTER(pin)
{
    struct sc_str text = {0};
    size_t length = 0;
    const char *strategy = "";
    v += strspn(v, BLANKS);
    plan_pin_split(v, &length, &strategy);
    while (length && strchr(BLANKS, v[length - 1]))
        length--;
    strategy += strspn(strategy, BLANKS);
    size_t end = strlen(strategy);
    while (end && strchr(BLANKS, strategy[end - 1]))
        end--;
    if (!length || !end)
        return sc_fail(err, SC_USAGE, "--pin '%s': expected 'GLOB=STRATEGY', like 'layer.*.fc1=b@x f@y'", v);
    sc_str_addf(&text, "%.*s=%.*s", (int)length, v, (int)end, strategy);
    return keep_item(&s->pins, s->pins.count, &text, "pin", err);
}
GETTER(pin)
{
    put_list(&s->pins, out);
}

SETTER(stages)
{
    const char *dash = strchr(v, '-');
    char text[32];
    int64_t least, most;
    snprintf(text, sizeof text, "%.*s", dash ? (int)(dash - v) : 30, v);
    bool right = sc_parse_int(text, &least) && sc_parse_int(dash ? dash + 1 : text, &most);
    if (strcmp(v, "auto") == 0) {
        right = true;
        least = 1;
        most = SC_MOST_STAGES;
    }
    if (!right || least < 1 || most < least || most > SC_MOST_STAGES)
        return sc_fail(err, SC_USAGE, "--stages '%s': expected a number of stages, a range like 2-8, or auto", v);
    s->stages_min = most == 1 ? 0 : least;
    s->stages_max = most == 1 ? 0 : most;
    return SC_OK;
}
GETTER(stages)
{
    if (s->stages_max == SC_MOST_STAGES && s->stages_min == 1)
        sc_str_add(out, "auto");
    else if (s->stages_min != s->stages_max)
        sc_str_addf(out, "%lld-%lld", (long long)s->stages_min, (long long)s->stages_max);
    else if (s->stages_max)
        sc_str_addf(out, "%lld", (long long)s->stages_max);
}

SETTER(layers)
{
    if (strcmp(v, "all") == 0) {
        s->layers = -1;
        return SC_OK;
    }
    return keep_int(&s->layers, "layers", v, 1, SC_MAX_OPS, err);
}
GETTER(layers)
{
    if (s->layers)
        sc_str_addf(out, s->layers < 0 ? "all" : "%lld", (long long)s->layers);
}

static enum sc_status add_layer(struct sc_texts *list, const char *name, const char *v, struct sc_error *err)
{
    struct sc_str text = {0};
    size_t length = strcspn(v, BLANKS);
    if (!length || v[length])
        return sc_fail(err, SC_USAGE, "--%s '%s': expected a layer's name or number", name, v);
    for (int i = 0; i < list->count; i++)
        if (strcmp(list->at[i], v) == 0)
            return SC_OK;
    sc_str_add(&text, v);
    return keep_item(list, list->count, &text, name, err);
}
SETTER(cut)
{
    return add_layer(&s->cuts, "cut", v, err);
}
GETTER(cut)
{
    put_list(&s->cuts, out);
}
SETTER(no_cut)
{
    return add_layer(&s->no_cuts, "no-cut", v, err);
}
GETTER(no_cut)
{
    put_list(&s->no_cuts, out);
}

/* One for each stage; a later one replaces. */
SETTER(stage_mesh)
{
    struct sc_str text = {0};
    int stage, hosts, devices, used = 0, index = 0;
    char prefix[16];
    struct sc_axes axes = {0};
    bool right = sscanf(v, "%d=%dx%d%n", &stage, &hosts, &devices, &used) == 3 && used > 0 && stage >= 0 &&
                 stage < SC_MOST_STAGES && hosts >= 1 && devices >= 1;
    if (right && v[used])
        right = v[used] == ':' && sc_axes_parse(v + used + 1, &axes) && sc_axes_product(&axes, 7u) == hosts * devices;
    if (!right)
        return sc_fail(
            err, SC_USAGE,
            "--stage-mesh '%s': expected STAGE=HOSTSxDEVICES, with a logical mesh of as many devices after a "
            "colon if wanted, like 0=1x4:2x2",
            v);
    sc_str_addf(&text, "%d=%dx%d%s", stage, hosts, devices, v + used);
    snprintf(prefix, sizeof prefix, "%d=", stage);
    while (index < s->stage_meshes.count && strncmp(s->stage_meshes.at[index], prefix, strlen(prefix)) != 0)
        index++;
    return keep_item(&s->stage_meshes, index, &text, "stage-mesh", err);
}
GETTER(stage_mesh)
{
    put_list(&s->stage_meshes, out);
}

static const struct sc_option options[] = {
    {"cluster", "FILE|PRESET", "machine to plan for (`stagecut list clusters`)", false, true, set_cluster, get_cluster,
     NULL},
    {"devices", "N", "use N of its devices", false, true, set_devices, get_devices, NULL},
    {"mesh", "RxC", "logical mesh, up to three axes; all shapes are tried when not given", false, true, set_mesh,
     get_mesh, NULL},
    {"max-axes", "N", "axes of the logical meshes that are tried (2)", false, true, set_max_axes, get_max_axes,
     "1|2|3"},
    {"mode", MODES, "what the model is run for", false, true, set_mode, get_mode, MODES},
    {"batch", "N", "samples an iteration, all microbatches together", false, true, set_batch, get_batch, NULL},
    {"microbatches", "B|auto", "microbatches an iteration", false, true, set_microbatches, get_microbatches, NULL},
    {"seq", "N", "tokens a sample", false, true, set_sequence, get_sequence, NULL},
    {"set", "NAME=VALUE", "a parameter of the model", true, true, set_set, get_set, NULL},
    {"memory", "GIB", "memory a device may use, GiB; the device's own when not given", false, true, set_memory,
     get_memory, NULL},
    {"precision", PRECISIONS, "type of parameters and activations", false, true, set_precision, get_precision,
     PRECISIONS},
    {"remat", REMATS, "rematerialisation: rebuild activations in backward", false, true, set_remat, get_remat, REMATS},
    {"schedule", SCHEDULES, "order of microbatches in the stages", false, true, set_schedule, get_schedule, SCHEDULES},
    {"chunks", "V", "chunks of layers a stage, when interleaved (2)", false, true, set_chunks, get_chunks, NULL},
    {"objective", OBJECTIVES, "what is least: an iteration, the sum of the stages, or the longest stage", false, true,
     set_objective, get_objective, OBJECTIVES},
    {"stages", "N|MIN-MAX|auto", "pipeline stages (1)", false, true, set_stages, get_stages, NULL},
    {"submeshes", "alpa|powers|all|HxD,...", "submeshes that stages may have", false, true, set_submeshes,
     get_submeshes, NULL},
    {"layers", "N|all", "cluster the model into so many layers", false, true, set_layers, get_layers, NULL},
    {"cut", "LAYER", "a stage begins there", true, true, set_cut, get_cut, NULL},
    {"no-cut", "LAYER", "no stage begins there", true, true, set_no_cut, get_no_cut, NULL},
    {"stage-mesh", "STAGE=HxD[:RxC]", "submesh of a stage, hosts x devices, and its logical mesh", true, true,
     set_stage_mesh, get_stage_mesh, NULL},
    {"formulas", FORMULAS, "what collectives cost", false, true, set_formulas, get_formulas, FORMULAS},
    {"uneven", UNEVENS, "sizes that axes do not divide", false, true, set_uneven, get_uneven, UNEVENS},
    {"no-reduce-scatter", NULL, "do not offer reduce-scatter for partial results", false, true, set_no_reduce_scatter,
     get_no_reduce_scatter, FLAGS},
    {"no-shard-state", NULL, "do not offer sharded optimizer state (ZeRO-1, ZeRO-2)", false, true, set_no_shard_state,
     get_no_shard_state, FLAGS},
    {"no-compute", NULL, "count communication only", false, true, set_no_compute, get_no_compute, FLAGS},
    {"solver", SOLVERS, "how to solve (`stagecut list solvers`)", false, true, set_solver, get_solver, SOLVERS},
    {"time-limit", "SEC", "stop solving after SEC seconds", false, true, set_time_limit, get_time_limit, NULL},
    {"gap", "FRACTION", "stop when this close to proof (0)", false, true, set_gap, get_gap, NULL},
    {"pin", "'OPGLOB=STRATEGY'", "force a strategy; later ones win; 'free' takes an op back", true, true, set_pin,
     get_pin, NULL},
    {"method", "NAME", "a parallel method as a set of pins (`stagecut list methods`)", false, true, set_method,
     get_method, NULL},
    {"plan", "FILE", "start from the pins of a plan", false, false, set_plan, get_plan, NULL},
    {"out", "FILE", "write the result there", false, false, set_out, get_out, NULL},
    {"quiet", NULL, "no progress, no notes", false, false, set_quiet, get_quiet, FLAGS},
    {"json", NULL, "print one JSON object", false, false, set_json, get_json, FLAGS},
};

const struct sc_option *sc_option_at(size_t index)
{
    return index < SC_LEN(options) ? &options[index] : NULL;
}

const struct sc_option *sc_option_find(const char *name)
{
    for (size_t i = 0; i < SC_LEN(options); i++)
        if (strcmp(options[i].name, name) == 0)
            return &options[i];
    return NULL;
}

enum sc_status sc_settings_set(struct sc_settings *settings, const char *name, const char *value, struct sc_error *err)
{
    const struct sc_option *option = sc_option_find(name);
    if (!option) {
        const char *names[SC_LEN(options)];
        for (size_t i = 0; i < SC_LEN(options); i++)
            names[i] = options[i].name;
        const char *near = sc_nearest(name, names, SC_LEN(options));
        return sc_fail(err, SC_USAGE, "there is no option --%s%s%s%s", name,
                       near ? "; did you mean --" : "; see --help", near ? near : "", near ? "?" : "");
    }
    if (!value && option->argument)
        return sc_fail(err, SC_USAGE, "--%s wants a value: --%s %s", name, name, option->argument);
    if (value && strpbrk(value, "\n\r"))
        return sc_fail(err, SC_USAGE, "--%s: a value is one line", name);
    return option->set(settings, value, err);
}
