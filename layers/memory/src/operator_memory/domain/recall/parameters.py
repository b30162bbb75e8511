"""The numbers of the ranking, in one place. How they were found: docs/retrieval.md."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class RankingParameters:
    """Weights, bonuses and limits. A score is the sum of its parts (see `ScoreParts`)."""

    candidates: int = 40
    """By meaning, and as many by words: with fewer good memories are lost unranked, with more little is gained."""
    candidates_a_place: float = 1.6
    """The same for a long list, by its places: what it is filled with must have been found first."""
    dense_weight: float = 0.6
    """Of the cosine, 0..1."""
    unseen_share: float = 0.85
    """Of the least cosine found by meaning: what is found by words alone counts as this part of it."""
    keyword_weight: float = 0.5
    """Of the square of the BM25 score divided by `keyword_scale`: one weak match counts for next to nothing, so that
    an account's many words do not bury what means the same in others."""
    keyword_scale: float = 24.0
    keyword_cap: float = 3.0
    """Most that the square may be: beyond that a text is found beyond doubt."""
    previous_weight: float = 0.3
    """Of the turn before in the same conversation: of what its relevance is above `neighbour_floor`."""
    next_weight: float = 0.4
    """Of the turn after."""
    neighbour_floor: float = 0.2
    """What almost any turn has. A share of all of it would favour turns over facts, which have no neighbours."""
    speaker_bonus: float = 0.2
    """For what was said by the one speaker whom the question names."""
    names_speaker_bonus: float = 0.05
    """The same for a fact whose text has that name: meaning and words have counted it already, as with no turn."""
    asking_malus: float = 0.05
    """For a turn that ends with a question: it asks for what the next one answers."""
    importance_weight: float = 0.02
    recency_weight: float = 0.005
    """Of a memory of this moment; it halves with each half-life."""
    present_weight: float = 0.03
    """The same where the question asks about what holds now: of two answers the newer one."""
    fact_half_life_days: float = 180.0
    turn_half_life_days: float = 180.0
    access_weight: float = 0.02
    """Of a memory that has been injected often; `access_half` times are half of it."""
    access_half: float = 10.0
    time_bonus: float = 1.0
    """For what was said at the time that the question names, or speaks of it; less where that is less exact."""
    dated_candidates: int = 20
    """Memories of that time that are looked for besides."""
    standing_bonus: float = 0.1
    """For what is looked up whatever the question: what is pinned, and what the agent learned last."""
    pinned_bonus: float = 0.15
    reserved_share: float = 0.4
    """The part of the limit that is divided evenly among the sources that are there (see `Source`)."""
    session_share: float = 0.5
    """Most that this session's own turns may take while others are left: the run has most of them in its prompt."""
    near_duplicates_once: bool = True
    """Of memories that say the same in other words only the best gets into the list."""
    same_thing_words: float = 0.055
    """The words part from which a memory is about what the question names."""
    same_thing_share: float = 0.25
    """Of the larger words part of two: from there on they are about the same thing, and the newer one holds."""

    def candidates_for(self, limit: int) -> int:
        """Return how many a search should find for a list of ``limit`` memories."""
        return max(self.candidates, round(self.candidates_a_place * limit))


USUAL = RankingParameters()
