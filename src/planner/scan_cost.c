/* stub until helper F's */
#include "postgres.h"
#include "optimizer/cost.h"
#include "optimizer/optimizer.h"
#include "planner/scan_cost.h"
void
cost_pyro_scan(Path *path, PlannerInfo *root, const ScanCostInfo *info, List *filter_clauses)
{
	cost_seqscan(path, root, path->parent, path->param_info);
	if (filter_clauses)
	{
		double		sel = clauselist_selectivity(root, filter_clauses, 0, JOIN_INNER, NULL);

		path->total_cost = path->startup_cost + (path->total_cost - path->startup_cost) * (0.1 + 0.9 * sel);
	}
}
void
cost_index_paths_over_blocks(PlannerInfo *root, RelOptInfo *rel, const ScanCostInfo *info)
{
}
