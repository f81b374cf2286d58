/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * The table of formats.
 */
#include <string.h>

#include "export/internal.h"

static const struct sc_exporter exporters[] = {
    {"schedule", "what every device does, in order, and what it sends where: JSON", EXPORT_SCHEDULES, ".json",
     export_schedule},
    {"trace", "the simulated timeline for Perfetto or chrome://tracing: JSON", EXPORT_SCHEDULES, ".json", export_trace},
    {"dot", "the graph for Graphviz: strategies, resharding, stages; alike layers drawn once", "all", ".dot",
     export_dot},
    {"csv", "a row an op: strategy, specs, seconds and bytes", NULL, ".csv", export_csv},
    {"jax", "PartitionSpecs of parameters and activations: Python for JAX", NULL, ".py", export_jax},
    {"dtensor", "placements of parameters and activations: Python for PyTorch's DTensor", NULL, ".py", export_dtensor},
    {"markdown", "a short report", NULL, ".md", export_markdown},
};

const struct sc_exporter *sc_exporter_at(size_t index)
{
    return index < SC_LEN(exporters) ? &exporters[index] : NULL;
}

const struct sc_exporter *sc_exporter_find(const char *format, struct sc_error *err)
{
    const char *names[SC_LEN(exporters)];
    char name[32];
    size_t length = strcspn(format, ":");
    struct sc_str all = {0};
    memcpy(name, format, length < sizeof name ? length : sizeof name - 1);
    name[length < sizeof name ? length : sizeof name - 1] = '\0';
    for (size_t i = 0; i < SC_LEN(exporters); i++) {
        names[i] = exporters[i].name;
        if (strcmp(names[i], name) == 0)
            return &exporters[i];
    }
    for (size_t i = 0; i < SC_LEN(exporters); i++)
        sc_str_addf(&all, "%s%s", i ? ", " : "", names[i]);
    const char *near = sc_nearest(name, names, SC_LEN(exporters));
    sc_fail(err, SC_NOT_FOUND, "there is no format '%s'; %s%s%s", name, near ? "did you mean '" : "there are ",
            near ? near : sc_str_text(&all), near ? "'?" : "");
    sc_str_free(&all);
    return NULL;
}

enum sc_status sc_export(const struct sc_plan *plan, const char *format, struct sc_cancel *cancel, struct sc_str *out,
                         struct sc_error *err)
{
    const struct sc_exporter *exporter = sc_exporter_find(format, err);
    const char *colon = strchr(format, ':');
    if (!exporter)
        return SC_NOT_FOUND;
    if (!plan->choice)
        return sc_fail(err, SC_USAGE, "there is no plan that could be exported");
    enum sc_status status = exporter->write(plan, colon ? colon + 1 : "", cancel, out, err);
    if (status == SC_OK && out->failed)
        status = sc_fail(err, SC_NO_MEMORY, "no memory to write the plan as %s", exporter->name);
    return status;
}

enum sc_status export_no_variant(const char *format, const char *variant, struct sc_error *err)
{
    return *variant ? sc_fail(err, SC_USAGE, "the format %s has no variants; leave out ':%.40s'", format, variant)
                    : SC_OK;
}

enum sc_status export_schedule_input(const struct sc_plan *plan, const char *variant, struct sc_schedule_input *out,
                                     struct sc_error *err)
{
    enum sc_schedule schedule = plan->settings.schedule;
    char name[32];
    size_t length = strcspn(variant, ":");
    int64_t chunks = plan->chunks > 1 ? plan->chunks : 2; /* of an interleaved stage */
    bool known = length < sizeof name;
    if (known && *variant) {
        memcpy(name, variant, length);
        name[length] = '\0';
        known = sc_schedule_find(name, &schedule);
        if (variant[length])
            known &= schedule == SC_SCHEDULE_INTERLEAVED && sc_parse_int(variant + length + 1, &chunks) &&
                     chunks >= 1 && chunks <= plan->graph->layer_count;
    }
    if (!known)
        return sc_fail(err, SC_USAGE,
                       "there is no schedule '%.40s'; there are " EXPORT_SCHEDULES " (1 to %d, the layers)", variant,
                       plan->graph->layer_count);
    if (schedule != SC_SCHEDULE_INTERLEAVED)
        chunks = 1;
    enum sc_status status = sc_plan_schedule_input(plan, schedule, (int)chunks, out, err);
    if (status != SC_OK)
        return status;
    status = sc_schedule_check(out->schedule, out->stage_count, out->microbatches, out->chunks, err);
    if (status != SC_OK)
        sc_free((void *)(uintptr_t)out->stages);
    return status;
}
