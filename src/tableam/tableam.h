/*
 * tableam.h
 *	  What other parts ask about tables of the access method `pyro`.
 */
#ifndef PYRO_TABLEAM_H
#define PYRO_TABLEAM_H

#include "utils/rel.h"

/* Does the relation have this access method? */
bool		is_pyro_relation(Relation rel);

/* An error unless the user owns the table, or may maintain it. */
void		check_may_maintain(Relation rel);

/*
 * An error unless the user owns the table: to say how long rows stay is to
 * delete them, which whoever may maintain it may not.
 */
void		check_is_owner(Relation rel);

#endif							/* PYRO_TABLEAM_H */
