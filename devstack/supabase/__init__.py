"""The platform's Supabase on one machine: a real Postgres behind a subset of PostgREST."""

from devstack.supabase.front import SupabaseFront

__all__ = ["SupabaseFront"]
