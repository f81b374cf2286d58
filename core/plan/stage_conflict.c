/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * When no plan of stages satisfies all constraints: which of them cannot hold together. The deletion filter of
 * conflict.c over what settings say about stages: each of cuts, forbidden cuts, submeshes, pins, the method, the number
 * of stages and the memory limit is left out in turn, and stays out when there is no plan without it either.
 */
#include <math.h>
#include <string.h>

#include "plan/planner.h"

static const double most_seconds = 5; /* for all questions; a smaller set may be left unfound, and is then said to be */
static const uint64_t most_work = 100000; /* of a stage */
enum { MEMORY_STEPS = 6 };

struct filter {
    struct sc_planner *planner;
    const struct sc_plan_request *request;
    struct sc_settings settings; /* what is left of the constraints */
    struct sc_cancel cancel;
    struct sc_arena *arena;
    const char **texts;
    int count;
    double peak; /* of the last plan found, bytes */
    struct sc_error *err;
};

/* Is there a plan? Unknown counts as yes: never blame without proof. */
static enum sc_status has_plan(struct filter *f, bool *yes)
{
    struct plan_full *full = planner_new_plan(f->err);
    struct sc_plan_request request = *f->request;
    struct sc_error ignored = {0};
    if (!full)
        return SC_NO_MEMORY;
    request.settings = &f->settings;
    request.cancel = &f->cancel;
    request.progress = NULL;
    request.deltas = false;
    request.work_limit = most_work;
    enum sc_status status = hierarchy_make(f->planner, &request, full, &ignored);
    *yes = status != SC_OK || full->plan.status != SC_SOLVED_INFEASIBLE;
    if (full->plan.choice)
        f->peak = full->plan.peak_bytes;
    sc_plan_free(&full->plan);
    return status == SC_NO_MEMORY ? sc_fail(f->err, SC_NO_MEMORY, "no memory for the conflict") : SC_OK;
}

static bool stopped(struct filter *f)
{
    return sc_cancelled(&f->cancel);
}

/* Leaves the items of a list out, one after the other; says those that are needed. */
static enum sc_status filter_list(struct filter *f, struct sc_texts *list, const char *what)
{
    enum sc_status status = SC_OK;
    int kept = 0;
    for (int left = list->count; left > 0 && status == SC_OK; left--) {
        char *item = list->at[kept];
        bool yes = true;
        for (int i = kept; i + 1 < list->count; i++)
            list->at[i] = list->at[i + 1];
        list->count--;
        if (!stopped(f))
            status = has_plan(f, &yes);
        if (!yes && status == SC_OK) {
            sc_free(item);
            continue;
        }
        for (int i = list->count; i > kept; i--)
            list->at[i] = list->at[i - 1];
        list->at[kept++] = item;
        list->count++;
        f->texts[f->count] = sc_arena_printf(f->arena, "%s %s", what, item);
        f->count += f->texts[f->count] != NULL;
    }
    return status;
}

static enum sc_status filter_method(struct filter *f)
{
    char *method = f->settings.method;
    bool yes = true;
    if (!method || !*method)
        return SC_OK;
    f->settings.method = NULL;
    enum sc_status status = stopped(f) ? SC_OK : has_plan(f, &yes);
    if (!yes) {
        sc_free(method);
        return status;
    }
    f->settings.method = method;
    f->texts[f->count] = sc_arena_printf(f->arena, "method %s", method);
    f->count += f->texts[f->count] != NULL;
    return status;
}

static enum sc_status filter_stages(struct filter *f)
{
    int64_t least = f->settings.stages_min, most = f->settings.stages_max;
    bool yes = true;
    if (f->settings.stage_meshes.count) /* which say how many there are */
        return SC_OK;
    f->settings.stages_min = 1;
    f->settings.stages_max = SC_MOST_STAGES;
    enum sc_status status = stopped(f) ? SC_OK : has_plan(f, &yes);
    if (!yes || (least <= 1 && most >= f->planner->graph->layer_count))
        return status;
    f->settings.stages_min = least;
    f->settings.stages_max = most;
    f->texts[f->count] = least == most
                             ? sc_arena_printf(f->arena, "%lld stages", (long long)most)
                             : sc_arena_printf(f->arena, "%lld to %lld stages", (long long)least, (long long)most);
    f->count += f->texts[f->count] != NULL;
    return status;
}

/* The limit is part of the conflict; less and less of it would do. */
static enum sc_status say_memory(struct filter *f, double limit)
{
    double enough = f->peak, least = limit;
    enum sc_status status = SC_OK;
    for (int i = 0; i < MEMORY_STEPS && status == SC_OK && !stopped(f); i++) {
        bool yes;
        double middle = 0.5 * (least + enough);
        f->settings.memory_gib = middle / 0x1p30;
        f->peak = INFINITY;
        status = has_plan(f, &yes);
        if (status == SC_OK && isfinite(f->peak))
            enough = fmin(enough, f->peak);
        else
            least = middle;
    }
    char size[32], would[32];
    sc_format_bytes(limit, size, sizeof size);
    sc_format_bytes(enough, would, sizeof would);
    f->texts[f->count] = sc_arena_printf(f->arena, "memory %s a device (%s would do)", size, would);
    f->count += f->texts[f->count] != NULL;
    return status;
}

/* Pins that are left are in the conflict. */
static void mark_pins(const struct filter *f, struct sc_plan *plan)
{
    struct sc_pin_status *pins = (struct sc_pin_status *)(uintptr_t)plan->pins; /* in the plan's own arena */
    for (int i = 0; i < plan->pin_count; i++)
        for (int k = 0; k < f->settings.pins.count; k++) {
            const char *text = f->settings.pins.at[k], *strategy;
            size_t length;
            if (plan_pin_split(text, &length, &strategy) && strlen(pins[i].glob) == length &&
                strncmp(pins[i].glob, text, length) == 0 && strcmp(pins[i].strategy, strategy) == 0)
                pins[i].state = SC_PIN_CONFLICT;
        }
}

enum sc_status plan_stage_conflict(struct sc_planner *planner, const struct sc_plan_request *request,
                                   struct plan_full *full, struct sc_error *err)
{
    struct filter f = {.planner = planner, .request = request, .arena = full->arena, .peak = INFINITY, .err = err};
    const struct sc_settings *s = request->settings;
    double limit = full->plan.costs->memory_bytes;
    size_t most = (size_t)(s->cuts.count + s->no_cuts.count + s->stage_meshes.count + s->pins.count) + 8;
    bool yes;
    f.texts = sc_arena_calloc(full->arena, most, sizeof *f.texts);
    if (!f.texts || !sc_settings_copy(&f.settings, s))
        return sc_fail(err, SC_NO_MEMORY, "no memory for the conflict");
    sc_cancel_part(&f.cancel, request->cancel, 0);
    double deadline = sc_now() + most_seconds;
    if (f.cancel.deadline <= 0 || f.cancel.deadline > deadline)
        f.cancel.deadline = deadline;
    f.settings.gap = 1e30; /* any plan will do */
    /* The limit first: a conflict without it is the clearer answer. */
    f.settings.memory_gib = 1e9;
    enum sc_status status = has_plan(&f, &yes);
    bool memory = yes;
    double peak = f.peak;
    if (memory)
        f.settings.memory_gib = s->memory_gib;
    if (status == SC_OK)
        status = filter_list(&f, &f.settings.cuts, "cut");
    if (status == SC_OK)
        status = filter_list(&f, &f.settings.no_cuts, "no cut");
    if (status == SC_OK)
        status = filter_list(&f, &f.settings.pins, "pin");
    if (status == SC_OK)
        status = filter_list(&f, &f.settings.stage_meshes, "stage mesh");
    if (status == SC_OK)
        status = filter_method(&f);
    if (status == SC_OK)
        status = filter_stages(&f);
    f.peak = peak;
    if (status == SC_OK && memory && isfinite(peak))
        status = say_memory(&f, limit);
    if (status == SC_OK && stopped(&f))
        f.texts[f.count++] = "(the search for a smaller set was stopped)";
    mark_pins(&f, &full->plan);
    sc_settings_free(&f.settings);
    full->plan.conflicts = f.texts;
    full->plan.conflict_count = f.count;
    return status;
}
