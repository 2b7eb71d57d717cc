"""What kind of phone a number is: a mobile phone is one person's, a landline the household's."""

from functools import lru_cache

from phonenumbers import COUNTRY_CODE_TO_REGION_CODE, PhoneMetadata


@lru_cache(maxsize=1)
def phone_patterns() -> tuple[str, str]:
    """Regular expressions of E.164 numbers: of mobile phones, and of the countries where they differ from landlines.

    By the numbering plans of `phonenumbers`. Some, such as that of the United States, do not tell one from the other.
    """
    plans = {}
    for code, regions in COUNTRY_CODE_TO_REGION_CODE.items():
        found = [PhoneMetadata.metadata_for_region_or_calling_code(code, region) for region in regions]
        mobile = [plan.mobile.national_number_pattern for plan in found if plan and plan.mobile]
        fixed = [plan.fixed_line.national_number_pattern for plan in found if plan and plan.fixed_line]
        patterns = dict.fromkeys(pattern for pattern in mobile if pattern)
        if patterns and not patterns.keys() & set(fixed):
            plans[code] = f"{code}(?:{'|'.join(patterns)})"
    # no calling code begins with another one
    return rf"\+(?:{'|'.join(plans.values())})", rf"\+(?:{'|'.join(map(str, plans))})[0-9]+"
