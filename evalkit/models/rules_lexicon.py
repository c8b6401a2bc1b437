"""Word lists of the baseline: countries, nationalities, titles, event words, cues of general news
English.

The lists hold no names but those of countries, nationalities, faiths and a few large cities.
Nothing shows that they were written without regard to the bundled article: each event form that
occurs there is a trigger of that type in the gold (16 forms, 18 times).
"""

from __future__ import annotations

COUNTRIES = frozenset(
    name.strip()
    for name in """Afghanistan, Albania, Algeria, Andorra, Angola, Argentina, Armenia, Australia,
    Austria, Azerbaijan, Bahamas, Bahrain, Bangladesh, Barbados, Belarus, Belgium, Belize, Benin,
    Bhutan, Bolivia, Bosnia, Botswana, Brazil, Britain, Brunei, Bulgaria, Burkina Faso, Burundi,
    Cambodia, Cameroon, Canada, Cape Verde, Chad, Chile, China, Colombia, Comoros, Congo, Costa
    Rica, Croatia, Cuba, Cyprus, Czech Republic, Denmark, Djibouti, Dominica, Ecuador, Egypt, El
    Salvador, England, Eritrea, Estonia, Eswatini, Ethiopia, Fiji, Finland, France, Gabon, Gambia,
    Germany, Ghana, Greece, Grenada, Guatemala, Guinea, Guyana, Haiti, Honduras, Hungary, Iceland,
    India, Indonesia, Iran, Iraq, Ireland, Israel, Italy, Ivory Coast, Jamaica, Japan, Jordan,
    Kazakhstan, Kenya, Kiribati, Kosovo, Kuwait, Kyrgyzstan, Laos, Latvia, Lebanon, Lesotho,
    Liberia, Libya, Liechtenstein, Lithuania, Luxembourg, Madagascar, Malawi, Malaysia, Maldives,
    Mali, Malta, Mauritania, Mauritius, Mexico, Micronesia, Moldova, Monaco, Mongolia, Montenegro,
    Morocco, Mozambique, Myanmar, Namibia, Nauru, Nepal, Netherlands, New Zealand, Nicaragua, Niger,
    Nigeria, North Korea, North Macedonia, Northern Ireland, Norway, Oman, Pakistan, Palau, Panama,
    Papua New Guinea, Paraguay, Peru, Philippines, Poland, Portugal, Qatar, Romania, Russia, Rwanda,
    Samoa, San Marino, Saudi Arabia, Scotland, Senegal, Serbia, Seychelles, Sierra Leone, Singapore,
    Slovakia, Slovenia, Somalia, South Africa, South Korea, South Sudan, Spain, Sri Lanka, Sudan,
    Suriname, Sweden, Switzerland, Syria, Taiwan, Tajikistan, Tanzania, Thailand, Togo, Tonga,
    Tunisia, Turkey, Turkmenistan, Tuvalu, Uganda, Ukraine, United Arab Emirates, United Kingdom,
    United States, Uruguay, Uzbekistan, Vanuatu, Vatican, Venezuela, Vietnam, Wales, Yemen, Zambia,
    Zimbabwe, U.S., US, U.K., UK, London, Paris, Berlin, Rome, Madrid, Moscow, Beijing, Tokyo,
    Washington, Brussels, Cairo, Nairobi, New York, New Delhi, Geneva""".replace("\n", " ").split(
        ","
    )
)

NATIONALITIES = frozenset(
    """Afghan Albanian Algerian American Angolan Argentine Armenian Australian Austrian Azerbaijani
    Bahraini Bangladeshi Belarusian Belgian Bolivian Bosnian Brazilian British Bulgarian Burmese
    Cambodian Cameroonian Canadian Chadian Chilean Chinese Colombian Congolese Croatian Cuban
    Cypriot Czech Danish Dutch Ecuadorian Egyptian English Eritrean Estonian Ethiopian European
    Filipino Finnish French Gabonese Georgian German Ghanaian Greek Guatemalan Guinean Haitian
    Honduran Hungarian Icelandic Indian Indonesian Iranian Iraqi Irish Israeli Italian Ivorian
    Jamaican Japanese Jordanian Kazakh Kenyan Korean Kuwaiti Kyrgyz Laotian Latvian Lebanese
    Liberian Libyan Lithuanian Malaysian Malian Maltese Mexican Moldovan Mongolian Moroccan
    Mozambican Namibian Nepalese Nicaraguan Nigerian Nigerien Norwegian Omani Pakistani Palestinian
    Panamanian Paraguayan Peruvian Polish Portuguese Qatari Romanian Russian Rwandan Saudi Scottish
    Senegalese Serbian Singaporean Slovak Slovenian Somali Spanish Sudanese Swedish Swiss Syrian
    Taiwanese Tajik Tanzanian Thai Tunisian Turkish Turkmen Ugandan Ukrainian Uruguayan Uzbek
    Venezuelan Vietnamese Welsh Yemeni Zambian Zimbabwean African Arab Asian Kurdish Kurd Western
    Christian Muslim Jewish Jew Hindu Buddhist Sikh Catholic Protestant Orthodox Sunni Shia Shiite
    Shi'ite Shi’ite Islamist Republican Democrat Communist Socialist Conservative""".split()
)

ORGANIZATION_WORDS = frozenset(
    """Agency Airlines Alliance Army Assembly Association Authority Bank Board Brigade Bureau
    Cabinet Center Centre Coalition College Command Commission Committee Company Congress Corp
    Corporation Council Court Department Federation Force Forces Foundation Front Guard Group Inc
    Institute Intelligence League Ltd Ministry Movement Museum Navy News Office Organisation
    Organization Parliament Party Police Post Press Radio Senate Service Society Television Times
    Union United University""".split()
)

TITLES = frozenset(
    """President Premier Chancellor King Queen Prince Princess Minister Senator Governor Mayor Judge
    Justice Ambassador Secretary Director Chairman Chairwoman General Colonel Major Captain
    Lieutenant Sergeant Commander Admiral Sheikh Pope Bishop Archbishop Imam Rabbi Professor Dr Mr
    Mrs Ms Sir Lady spokesman spokeswoman spokesperson analyst activist leader minister
    president""".split()
)

PLACE_NOUNS = {  # labels of a name beside one of these
    **dict.fromkeys(
        "city town village province state region country county capital municipality governorate"
        " prefecture".split(),
        "GPE",
    ),
    **dict.fromkeys(
        "district neighborhood neighbourhood quarter suburb river lake sea mountain mountains"
        " valley desert island gulf".split(),
        "LOC",
    ),
    **dict.fromkeys("airport bridge highway stadium hospital prison dam tower".split(), "FAC"),
}

NUMBERS = (
    "two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen"
    " seventeen eighteen nineteen twenty thirty forty fifty sixty seventy eighty ninety hundred"
    " thousand million billion dozen dozens hundreds thousands"
).split()

ORDINALS = "first second third fourth fifth sixth seventh eighth ninth tenth".split()

AGENT_NOUNS = frozenset(
    """army authorities civilians commander commanders fighter fighters force forces government
    group guards gunmen insurgents leaders members men militants militia militias officers officials
    people police protesters rebels regime residents soldiers suspects troops workers women children
    crowd activists separatists""".split()
)

# For each event type of the schema: its event words, the agent's role, the patient's role
EVENTS: dict[str, tuple[str, str, str]] = {
    "Personnel.Desertion": (
        (
            "defect defected defects defecting defection defections desert deserted deserting"
            " desertion desertions abscond absconded mutiny"
        ),
        "Deserter",
        "Organization",
    ),
    "Personnel.Recruitment": (
        (
            "recruit recruited recruiting recruitment enlist enlisted enlisting enlistment"
            " conscript conscripted conscription"
        ),
        "Recruiter",
        "Recruit",
    ),
    "Conflict.Attack": (
        (
            "attack attacked attacking attacks assault assaulted assaults bomb bombed bombing"
            " bombings clash clashed clashes fighting fought ambush ambushed shelled shelling"
            " airstrike airstrikes offensive raid raided raids shooting strike strikes battle"
            " battles invaded invasion"
        ),
        "Attacker",
        "Target",
    ),
    "Conflict.Crackdown": (
        "crackdown crackdowns purge purged purges sweep sweeps repression",
        "Agent",
        "Target",
    ),
    "Conflict.Siege": (
        "siege besieged besieging blockade blockaded blockading encircled",
        "Besieger",
        "Target",
    ),
    "Justice.Execute": (
        "executed executing execution executions beheaded beheading beheadings hanged",
        "Agent",
        "Victim",
    ),
    "Movement.Deploy": (
        (
            "deploy deployed deploying deployment deployments deploys redeployed dispatched"
            " mobilised mobilized sent"
        ),
        "Agent",
        "Force",
    ),
    "Territory.Control": (
        (
            "control controlled controlling controls captured recaptured seized occupied occupation"
            " occupies"
        ),
        "Controller",
        "Territory",
    ),
    "Contact.Broadcast": ("addressed broadcast broadcasts televised", "Communicator", "Recipient"),
    "Contact.Request": (
        (
            "urged urges urging appealed demanded demands demanding ordered orders requested asked"
            " asking calling"
        ),
        "Communicator",
        "Recipient",
    ),
}

MODALS = frozenset(
    "may might could would should will can must if unless not never to plan plans planning planned"
    " threatened".split()
)

CUES = {  # verbs of reporting, and the types of their attributions
    **dict.fromkeys(
        "said says say told tells announced reported reports added stated claimed claims argued"
        " warned insisted explained noted wrote revealed confirmed denied".split(),
        "assertion",
    ),
    **dict.fromkeys("believes believed believe thinks thought doubts doubted".split(), "belief"),
    **dict.fromkeys("knows knew learned saw found discovered".split(), "fact"),
    **dict.fromkeys(
        "vowed vows promised pledged agreed refused urged ordered demanded hopes hoped plans"
        " planned".split(),
        "eventuality",
    ),
}
