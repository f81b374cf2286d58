/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * Two plans side by side: the objective by part, the settings and the ops that differ.
 */
#include <math.h>
#include <string.h>

#include "plan/internal.h"

struct op_change {
    int a, b; /* ops of the plans; -1: not there */
    char was[64], is[64];
};
typedef SC_VEC(struct op_change) op_changes;

static bool find_changes(const struct sc_plan *a, const struct sc_plan *b, op_changes *out)
{
    for (int op = 0; op < a->graph->op_count; op++) {
        struct op_change change = {.a = op, .b = sc_graph_find_op(b->graph, a->graph->ops[op].name)};
        sc_plan_op_strategy(a, op, change.was, sizeof change.was);
        if (change.b >= 0)
            sc_plan_op_strategy(b, change.b, change.is, sizeof change.is);
        if ((change.b < 0 || strcmp(change.was, change.is) != 0) && !sc_vec_push(out, change))
            return false;
    }
    for (int op = 0; op < b->graph->op_count; op++) {
        struct op_change change = {.a = -1, .b = op};
        if (sc_graph_find_op(a->graph, b->graph->ops[op].name) >= 0)
            continue;
        sc_plan_op_strategy(b, op, change.is, sizeof change.is);
        if (!sc_vec_push(out, change))
            return false;
    }
    return true;
}

static const char *change_name(const struct sc_plan *a, const struct sc_plan *b, const struct op_change *change)
{
    return change->a >= 0 ? a->graph->ops[change->a].name : b->graph->ops[change->b].name;
}

static void mesh_text(const struct sc_plan *plan, struct sc_str *out)
{
    const struct sc_axes *axes = &plan->costs->mesh.axes;
    for (int i = 0; i < axes->count; i++)
        sc_str_addf(out, "%s%d", i ? "x" : "", axes->size[i]);
}

/* What was asked differently, as option texts; the mesh as chosen. */
struct setting_change {
    const char *name;
    struct sc_str was, is;
};

static size_t find_settings(const struct sc_plan *a, const struct sc_plan *b, struct setting_change *out, size_t most)
{
    size_t count = 0;
    const struct sc_option *option;
    for (size_t i = 0; (option = sc_option_at(i)) && count < most; i++) {
        struct setting_change change = {.name = option->name};
        if (!option->saved)
            continue;
        if (strcmp(option->name, "mesh") == 0) {
            mesh_text(a, &change.was);
            mesh_text(b, &change.is);
        } else {
            option->get(&a->settings, &change.was);
            option->get(&b->settings, &change.is);
        }
        if (strcmp(sc_str_text(&change.was), sc_str_text(&change.is)) != 0) {
            out[count++] = change;
        } else {
            sc_str_free(&change.was);
            sc_str_free(&change.is);
        }
    }
    return count;
}

static const char *or_default(const struct sc_str *text)
{
    return text->length ? sc_str_text(text) : "(default)";
}

static void part_row(struct sc_str *out, const char *words, double a, double b)
{
    char x[32], y[32], d[32];
    if (a == 0 && b == 0)
        return;
    sc_format_seconds(a, x, sizeof x);
    sc_format_seconds(b, y, sizeof y);
    sc_format_seconds(fabs(b - a), d, sizeof d);
    sc_str_addf(out, "  %-16s %10s %10s  %s%s\n", words, x, y, b > a ? "+" : b < a ? "-" : " ", d);
}

static void diff_text(struct sc_str *out, const struct sc_plan *a, const struct sc_plan *b, const op_changes *ops,
                      const struct setting_change *settings, size_t setting_count)
{
    sc_str_addf(out, "  %-16s %10s %10s  difference\n", "", "first", "second");
    part_row(out, "iteration", a->objective_s, b->objective_s);
    for (size_t i = 0; i < plan_part_count; i++)
        part_row(out, plan_part_at(i)->words, plan_part_value(&a->parts, i), plan_part_value(&b->parts, i));
    part_row(out, "terms", a->parts.terms, b->parts.terms);
    char x[32], y[32];
    sc_format_bytes(a->peak_bytes, x, sizeof x);
    sc_format_bytes(b->peak_bytes, y, sizeof y);
    sc_str_addf(out, "  %-16s %10s %10s\n", "memory", x, y);
    for (size_t i = 0; i < setting_count; i++)
        sc_str_addf(out, "setting %s: %s -> %s\n", settings[i].name, or_default(&settings[i].was),
                    or_default(&settings[i].is));
    sc_str_addf(out, "%zu op%s differ%s\n", ops->count, ops->count == 1 ? "" : "s", ops->count == 1 ? "s" : "");
    for (size_t i = 0; i < ops->count; i++) {
        const struct op_change *change = &ops->data[i];
        sc_str_addf(out, "  %-32s %-20s -> %s\n", change_name(a, b, change), change->a < 0 ? "(absent)" : change->was,
                    change->b < 0 ? "(absent)" : change->is);
    }
}

static void diff_json(struct sc_str *out, const struct sc_plan *a, const struct sc_plan *b, const op_changes *ops,
                      const struct setting_change *settings, size_t setting_count)
{
    struct sc_json_writer w;
    sc_json_begin(&w, out);
    sc_json_open_object(&w, NULL, false);
    sc_json_put_int(&w, "stagecut", 1);
    sc_json_open_array(&w, "objective_s", true);
    sc_json_put_number(&w, NULL, a->objective_s);
    sc_json_put_number(&w, NULL, b->objective_s);
    sc_json_close(&w);
    sc_json_open_object(&w, "parts", false);
    for (size_t i = 0; i < plan_part_count; i++) {
        sc_json_open_array(&w, plan_part_at(i)->name, true);
        sc_json_put_number(&w, NULL, plan_part_value(&a->parts, i));
        sc_json_put_number(&w, NULL, plan_part_value(&b->parts, i));
        sc_json_close(&w);
    }
    sc_json_close(&w);
    sc_json_open_object(&w, "settings", false);
    for (size_t i = 0; i < setting_count; i++) {
        sc_json_open_array(&w, settings[i].name, true);
        sc_json_put_string(&w, NULL, sc_str_text(&settings[i].was));
        sc_json_put_string(&w, NULL, sc_str_text(&settings[i].is));
        sc_json_close(&w);
    }
    sc_json_close(&w);
    sc_json_open_array(&w, "ops", false);
    for (size_t i = 0; i < ops->count; i++) {
        const struct op_change *change = &ops->data[i];
        sc_json_open_object(&w, NULL, true);
        sc_json_put_string(&w, "name", change_name(a, b, change));
        sc_json_put_string(&w, "first", change->a < 0 ? NULL : change->was);
        sc_json_put_string(&w, "second", change->b < 0 ? NULL : change->is);
        sc_json_close(&w);
    }
    sc_json_close(&w);
    sc_json_close(&w);
    sc_str_add(out, "\n");
}

enum sc_status sc_plan_diff(const struct sc_plan *a, const struct sc_plan *b, bool json, struct sc_str *out,
                            struct sc_error *err)
{
    struct setting_change settings[64];
    op_changes ops = {0};
    bool ok = find_changes(a, b, &ops);
    size_t count = find_settings(a, b, settings, SC_LEN(settings));
    if (ok)
        (json ? diff_json : diff_text)(out, a, b, &ops, settings, count);
    for (size_t i = 0; i < count; i++) {
        sc_str_free(&settings[i].was);
        sc_str_free(&settings[i].is);
    }
    sc_vec_free(&ops);
    return ok && !out->failed ? SC_OK : sc_fail(err, SC_NO_MEMORY, "no memory to compare the plans");
}
