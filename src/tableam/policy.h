/*
 * policy.h
 *	  pyro.policy: what users say of single tables.
 */
#ifndef PYRO_POLICY_H
#define PYRO_POLICY_H

#include "postgres_ext.h"

/* Is it a relation of a kind that may have a policy? */
bool		policy_is_possible(Oid relid);

/* Delete a table's policy, if it has one. */
void		policy_delete(Oid relid);

/* Delete the policies of tables that are gone. */
void		policy_sweep(void);

#endif							/* PYRO_POLICY_H */
