/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * markdown: a short report for a ticket or a mail. Settings, the objective and what it is made of, stages, the
 * costliest ops, pins and warnings.
 */
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "export/internal.h"

enum { COSTLIEST = 10 };

static void put_seconds(struct sc_str *out, double seconds)
{
    char text[32];
    sc_format_seconds(seconds, text, sizeof text);
    sc_str_add(out, text);
}

static void put_bytes(struct sc_str *out, double bytes)
{
    char text[32];
    sc_format_bytes(bytes, text, sizeof text);
    sc_str_add(out, text);
}

static void put_head(struct sc_str *out, const struct sc_plan *plan)
{
    const struct sc_graph *graph = plan->graph;
    const struct sc_cluster *cluster = plan->cluster;
    char number[32];
    sc_format_count((double)graph->parameters, number, sizeof number);
    sc_str_add(out, "# Plan of ");
    export_put_markdown(out, graph->name);
    sc_str_add(out, " on ");
    export_put_markdown(out, cluster->name);
    sc_str_addf(out, "\n\n%s parameters, %d ops in %d layer%s; %d x %d devices; %s, %d microbatch%s", number,
                graph->op_count, graph->layer_count, graph->layer_count == 1 ? "" : "s", cluster->hosts,
                cluster->devices_per_host, sc_mode_name(plan->settings.mode), plan->costs->options.microbatches,
                plan->costs->options.microbatches == 1 ? "" : "es");
    if (graph->batch)
        sc_str_addf(out, " of %" PRId64, graph->batch);
    if (graph->sequence)
        sc_str_addf(out, " x %" PRId64 " tokens", graph->sequence);
    sc_str_add(out, ".\n\n**An iteration takes ");
    put_seconds(out, plan->objective_s);
    sc_str_add(out, "**");
    if (plan->flops_per_device > 0)
        sc_str_addf(out, ", %.1f TFLOP/s a device", plan->flops_per_device / 1e12);
    if (plan->given) {
        sc_str_add(out, "; strategies as the plan gives them");
    } else if (plan->status == SC_SOLVED_OPTIMAL && plan->gap <= 0) {
        sc_str_add(out, "; proven optimal");
    } else if (isfinite(plan->bound_s)) {
        sc_str_add(out, "; not proven, no plan is below ");
        put_seconds(out, plan->bound_s);
    }
    sc_str_add(out, ".\n");
}

/* Options that are not as they are by default. */
static void put_settings(struct sc_str *out, const struct sc_plan *plan)
{
    const struct sc_option *option;
    struct sc_str text = {0};
    sc_str_add(out, "\n## Settings\n\n| option | value |\n|---|---|\n");
    for (size_t i = 0; (option = sc_option_at(i)); i++) {
        out->failed |= text.failed;
        sc_str_clear(&text);
        option->get(&plan->settings, &text);
        if (!option->saved || !text.length || strcmp(option->name, "pin") == 0)
            continue; /* pins have a table of their own */
        sc_str_addf(out, "| %s | ", option->name);
        export_put_markdown(out, sc_str_text(&text));
        sc_str_add(out, " |\n");
    }
    out->failed |= text.failed;
    sc_str_free(&text);
}

static void put_parts(struct sc_str *out, const struct sc_plan *plan)
{
    const char *words;
    double seconds;
    sc_str_add(out, "\n## What an iteration is spent on\n\n| part | time | share |\n|---|---:|---:|\n");
    for (size_t i = 0; sc_plan_part(plan, i, &words, &seconds); i++) {
        if (seconds == 0)
            continue;
        sc_str_addf(out, "| %s | ", words);
        put_seconds(out, seconds);
        sc_str_addf(out, " | %.1f %% |\n", 100 * seconds / plan->objective_s);
    }
}

static void put_stages(struct sc_str *out, const struct sc_plan *plan)
{
    const struct sc_layer *layers = plan->graph->layers;
    sc_str_add(out,
               "\n## Stages\n\n| stage | layers | devices | mesh | microbatch | once | in flight | memory | limit |\n"
               "|---:|---|---|---|---:|---:|---:|---:|---:|\n");
    for (int i = 0; i < plan->stage_count; i++) {
        const struct sc_plan_stage *s = &plan->stages[i];
        sc_str_addf(out, "| %d | ", i);
        export_put_markdown(out, layers[s->first_layer].name);
        if (s->last_layer > s->first_layer) {
            sc_str_add(out, " to ");
            export_put_markdown(out, layers[s->last_layer].name);
        }
        sc_str_addf(out, " | %d x %d | ", s->hosts, s->devices);
        export_put_shape(out, &s->plan->costs->mesh.axes);
        sc_str_add(out, " | ");
        put_seconds(out, s->microbatch_s);
        sc_str_add(out, " | ");
        put_seconds(out, s->once_s);
        sc_str_addf(out, " | %.4g | ", sc_plan_stage_held(s));
        put_bytes(out, s->plan->peak_bytes);
        sc_str_add(out, " | ");
        put_bytes(out, s->plan->costs->memory_bytes);
        sc_str_add(out, " |\n");
    }
}

/* ---- the costliest ops ---- */

/* Ops that are alike and run alike, together. */
struct kin {
    int op, count; /* the first of them */
    double seconds;
};

static int by_seconds(const void *a, const void *b)
{
    const struct kin *p = a, *q = b;
    return p->seconds != q->seconds ? (p->seconds < q->seconds ? 1 : -1) : p->op - q->op;
}

static void put_kin(struct sc_str *out, const struct sc_plan *plan, const struct kin *kin)
{
    const struct sc_op *op = &plan->graph->ops[kin->op];
    struct sc_op_cost cost = sc_plan_op_cost(plan, kin->op);
    const struct sc_memory *m = &cost.memory;
    char strategy[96];
    sc_plan_op_strategy(plan, kin->op, strategy, sizeof strategy);
    sc_str_add(out, "| ");
    export_put_markdown(out, op->name);
    if (kin->count > 1)
        sc_str_addf(out, " and %d alike", kin->count - 1);
    sc_str_addf(out, " | %s | %d | ", op->kind->name, sc_plan_stage_of_op(plan, kin->op));
    export_put_markdown(out, strategy);
    sc_str_add(out, " | ");
    put_seconds(out, cost.compute_s * kin->count);
    sc_str_add(out, " | ");
    put_seconds(out, (cost.collective_s + cost.resharding_s) * kin->count);
    sc_str_add(out, " | ");
    put_bytes(out, (m->parameters + m->gradients + m->optimizer + m->activations + m->cache) * kin->count);
    sc_str_add(out, " |\n");
}

/* Gather ops by class, stage and strategy; in `kin`, which has room for all. */
static bool gather(const struct sc_plan *plan, struct kin *kin, int *count)
{
    struct sc_map places = {0};
    bool ok = true;
    for (int op = 0; ok && op < plan->graph->op_count; op++) {
        const struct sc_plan *stage = sc_plan_of_op(plan, op);
        const int key[] = {plan->graph->ops[op].klass, sc_plan_stage_of_op(plan, op),
                           stage->choice[stage->costs->op_node[op]]};
        int64_t at;
        if (!sc_map_get(&places, key, sizeof key, &at)) {
            at = (*count)++;
            kin[at] = (struct kin){.op = op};
            ok = sc_map_put(&places, key, sizeof key, at);
        }
        kin[at].count++;
        kin[at].seconds += sc_plan_op_cost(plan, op).total_s;
    }
    sc_map_free(&places);
    return ok;
}

static enum sc_status put_costliest(struct sc_str *out, const struct sc_plan *plan, struct sc_error *err)
{
    struct kin *kin = sc_calloc((size_t)plan->graph->op_count + 1, sizeof *kin);
    int count = 0;
    if (!kin || !gather(plan, kin, &count)) {
        sc_free(kin);
        return sc_fail(err, SC_NO_MEMORY, "no memory for the costliest ops");
    }
    qsort(kin, (size_t)count, sizeof *kin, by_seconds);
    sc_str_add(out, "\n## The costliest ops\n\nSeconds of an iteration, all microbatches.\n\n"
                    "| op | kind | stage | strategy | compute | communication | memory |\n"
                    "|---|---|---:|---|---:|---:|---:|\n");
    for (int i = 0; i < count && i < COSTLIEST; i++)
        put_kin(out, plan, &kin[i]);
    sc_free(kin);
    return SC_OK;
}

/* ---- pins and warnings ---- */

static void put_pins(struct sc_str *out, const struct sc_plan *plan)
{
    if (plan->pin_count)
        sc_str_add(out, "\n## Pins\n\n| ops | strategy | state | number |\n|---|---|---|---:|\n");
    for (int i = 0; i < plan->pin_count; i++) {
        sc_str_add(out, "| ");
        export_put_markdown(out, plan->pins[i].glob);
        sc_str_add(out, " | ");
        export_put_markdown(out, plan->pins[i].strategy);
        sc_str_addf(out, " | %s | %d |\n", sc_pin_state_name(plan->pins[i].state), plan->pins[i].ops);
    }
    if (plan->warning_count)
        sc_str_add(out, "\n## Warnings\n\n");
    for (int i = 0; i < plan->warning_count; i++)
        sc_str_addf(out, "- %s\n", plan->warnings[i]);
}

enum sc_status export_markdown(const struct sc_plan *plan, const char *variant, struct sc_cancel *cancel,
                               struct sc_str *out, struct sc_error *err)
{
    (void)cancel; /* it is short */
    enum sc_status status = export_no_variant("markdown", variant, err);
    if (status != SC_OK)
        return status;
    put_head(out, plan);
    put_settings(out, plan);
    put_parts(out, plan);
    put_stages(out, plan);
    status = put_costliest(out, plan, err);
    put_pins(out, plan);
    return status;
}
