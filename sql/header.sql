/* pyro_ext: built from the parts in sql/; edit those */

-- complain if the script is sourced in psql, rather than by CREATE EXTENSION
\echo Use "CREATE EXTENSION pyro_ext" to load this file. \quit

